import { DType } from "../../../executor/protocol/tensorType";
import { attribute, type GraphSpec } from "../../models/onnx/writer";
import { type CaseSpec, graphModel, named, node, set, value } from "../caseSpec";
import { tensorFile } from "../tensorFile";
import { plain } from "./samples";

const LONG = 4_000;

/** What goes wrong in strings: nothing in them, several bytes a character, a mark at the start, two ways to write one letter. */
const TEXTS: readonly string[] = [
  "",
  " ",
  "plain",
  "ß µ é",
  "\ufeffwith a byte order mark",
  "Ελληνικά 日本語 한국어",
  "שלום مرحبا",
  "😀👩‍👩‍👧‍👦",
  "\u00e9 is e\u0301",
  "\u{10ffff}\ufffd\u07ff\u0800\ud7ff\ue000\uffff",
  'line\nbreak\ttab\r"quote"\\ \u0001\u007f',
  "0x00 is not a zero byte",
];

/** Names that a JavaScript object, a path, a format or a C program might take for something else. */
const NAMES: readonly string[] = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "length",
  "data",
  "dims",
  "1",
  "0",
  "-1",
  "a b",
  " leading and trailing ",
  "a/b/../c:0",
  "a.b[0]",
  "%s%n{}",
  'quote " and \\ and \n',
  "größe",
  "日本語",
  "😀",
  "\u00e9",
  "e\u0301",
  "\ufeffx",
  "x",
  "X",
  "n".repeat(255),
  "語".repeat(85),
];

export function textCases(): CaseSpec[] {
  return [
    texts("strings_compact", "compact"),
    texts("strings_in_files", "typed"),
    longString(),
    odd("names_of_inputs", { layout: "compact", rename: "outputs" }),
    odd("names_of_outputs", { layout: "typed", rename: "inputs" }),
    odd("names_of_both", { layout: "compact", rename: "none" }),
  ];
}

/** Strings as they are, joined, and compared. */
function texts(name: string, layout: CaseSpec["layout"]): CaseSpec {
  const n = TEXTS.length;
  const x = plain(DType.string, [n], TEXTS);
  const turned = [...TEXTS].reverse();
  return {
    name,
    layout,
    model: graphModel({
      inputs: [value("x", DType.string, ["n"]), value("y", DType.string, ["n"])],
      outputs: [
        value("same", DType.string, ["n"]),
        value("both", DType.string, ["n"]),
        value("equal", DType.bool, ["n"]),
      ],
      nodes: [
        node("Identity", ["x"], ["same"]),
        node("StringConcat", ["x", "y"], ["both"]),
        node("Equal", ["x", "y"], ["equal"]),
      ],
    }),
    sets: [
      set(
        { x, y: plain(DType.string, [n], turned) },
        {
          same: x,
          both: plain(
            DType.string,
            [n],
            TEXTS.map((text, i) => text + turned[i]),
          ),
          equal: plain(
            DType.bool,
            [n],
            TEXTS.map((text, i) => text === turned[i]),
          ),
        },
      ),
      set(
        { x, y: x },
        {
          same: x,
          both: plain(
            DType.string,
            [n],
            TEXTS.map((text) => text + text),
          ),
          equal: plain(
            DType.bool,
            [n],
            TEXTS.map(() => true),
          ),
        },
      ),
    ],
  };
}

/** Thousands of bytes in one element, and a stored string beside it. */
function longString(): CaseSpec {
  const long = Array.from({ length: LONG }, (_, i) => String.fromCodePoint(0x61 + (i % 26))).join("");
  const wide = "語😀".repeat(300);
  const stored = plain(DType.string, [1], ["\ufeffstored"]);
  return {
    name: "strings_long",
    layout: "typed",
    model: graphModel({
      inputs: [value("x", DType.string, [2])],
      outputs: [value("y", DType.string, [3])],
      nodes: [node("Concat", ["x", "stored"], ["y"], [attribute.integer("axis", 0)])],
      initialisers: [tensorFile(named("stored", stored), "typed")],
    }),
    sets: [
      set({ x: plain(DType.string, [2], [long, wide]) }, { y: plain(DType.string, [3], [long, wide, "\ufeffstored"]) }),
    ],
  };
}

/** Each odd name is an input or an output, with a number of its own, so that an exchange of two shows. */
function odd(name: string, how: { layout: CaseSpec["layout"]; rename: "inputs" | "outputs" | "none" }): CaseSpec {
  const pairs = NAMES.map((text, i) => ({
    input: how.rename === "inputs" ? `input ${i}` : text,
    // A value has one source, so an output can not have the name of an input; the names are short where it is made from one.
    output: how.rename === "outputs" ? `output ${i}` : how.rename === "inputs" ? text : `${text.slice(0, 80)}\u2032`,
    tensor: plain(DType.int32, [1], [1_000 + i]),
  }));
  const graph: Omit<GraphSpec, "name"> = {
    inputs: pairs.map(({ input }) => value(input, DType.int32, [1])),
    outputs: pairs.map(({ output }) => value(output, DType.int32, [1])),
    nodes: pairs.map(({ input, output }) => node("Identity", [input], [output])),
  };
  return {
    name,
    layout: how.layout,
    model: graphModel(graph),
    sets: [
      {
        inputs: pairs.map(({ input, tensor }) => named(input, tensor)),
        outputs: pairs.map(({ output, tensor }) => named(output, tensor)),
      },
    ],
  };
}
