import { DType } from "../../../executor/protocol/tensorType";
import { attribute, floatTensor, int64Tensor } from "../../models/onnx/writer";
import { type CaseSpec, graphModel, named, node, set, value } from "../caseSpec";
import { plain } from "./samples";

export function graphCases(): CaseSpec[] {
  return [
    manyOutputs(),
    severalInputs(),
    nameless(),
    ownOrder(),
    noInputs(),
    inputAsOutput(),
    storedAsOutput(),
    unusedInput(),
    branches(),
    bools(),
  ];
}

/** Twenty outputs whose order is not that of their names. */
function manyOutputs(): CaseSpec {
  const names = Array.from({ length: 20 }, (_, i) => `part_${(7 * i) % 20}`);
  const values = Array.from({ length: 40 }, (_, i) => i * i - 100);
  return {
    name: "outputs_twenty",
    layout: "typed",
    model: graphModel({
      inputs: [value("x", DType.int16, [40])],
      outputs: names.map((name) => value(name, DType.int16, [2])),
      nodes: [node("Split", ["x"], names, [attribute.integer("axis", 0), attribute.integer("num_outputs", 20)])],
    }),
    sets: [
      {
        inputs: [named("x", plain(DType.int16, [40], values))],
        outputs: names.map((name, i) => named(name, plain(DType.int16, [2], values.slice(2 * i, 2 * i + 2)))),
      },
    ],
  };
}

/** Three inputs of one type and shape: only their names tell them apart. */
function severalInputs(): CaseSpec {
  const row = (values: readonly number[]) => plain(DType.double, [2], values);
  return {
    name: "inputs_three",
    layout: "unpacked",
    model: graphModel({
      inputs: [value("z", DType.double, [2]), value("a", DType.double, [2]), value("m", DType.double, [2])],
      outputs: [value("difference", DType.double, [2]), value("quotient", DType.double, [2])],
      nodes: [node("Sub", ["z", "a"], ["difference"]), node("Div", ["difference", "m"], ["quotient"])],
    }),
    sets: [
      set(
        { z: row([10, 2.5]), a: row([4, 0.5]), m: row([2, -4]) },
        { difference: row([6, 2]), quotient: row([3, -0.5]) },
      ),
    ],
  };
}

/** Files without names: the order is the model's. */
function nameless(): CaseSpec {
  return { ...severalInputs(), name: "inputs_without_names", layout: "raw", nameless: true };
}

/** Inputs and outputs under their names, in another order than the model's. */
function ownOrder(): CaseSpec {
  const spec = severalInputs();
  return {
    ...spec,
    name: "inputs_in_another_order",
    layout: "compact",
    sets: spec.sets.map(({ inputs, outputs }) => ({ inputs: [...inputs].reverse(), outputs: [...outputs].reverse() })),
  };
}

/** A model that takes nothing gives the same at every run. */
function noInputs(): CaseSpec {
  return {
    name: "inputs_none",
    layout: "typed",
    model: graphModel({
      inputs: [],
      outputs: [value("y", DType.float, [3])],
      nodes: [node("Neg", ["stored"], ["y"])],
      initialisers: [floatTensor("stored", [3], [0, 1, -0.5])],
    }),
    sets: [set({}, { y: plain(DType.float, [3], [-0, -1, 0.5]) })],
  };
}

/** An input that is an output too, without any operator between. */
function inputAsOutput(): CaseSpec {
  const x = plain(DType.float, [2], [1.25, -0]);
  return {
    name: "input_is_output",
    layout: "compact",
    model: graphModel({
      inputs: [value("x", DType.float, [2])],
      outputs: [value("x", DType.float, [2]), value("y", DType.float, [2])],
      nodes: [node("Neg", ["x"], ["y"])],
    }),
    sets: [set({ x }, { x, y: plain(DType.float, [2], [-1.25, 0]) })],
  };
}

/** A stored tensor that is an output as it is, and one value under two names. */
function storedAsOutput(): CaseSpec {
  const x = plain(DType.int64, [1], [5n]);
  return {
    name: "stored_is_output",
    layout: "raw",
    model: graphModel({
      inputs: [value("x", DType.int64, [1])],
      outputs: [value("stored", DType.int64, [2]), value("once", DType.int64, [1]), value("twice", DType.int64, [1])],
      nodes: [node("Identity", ["x"], ["once"]), node("Identity", ["once"], ["twice"])],
      initialisers: [int64Tensor("stored", [2], [2n ** 60n + 1n, -1n])],
    }),
    sets: [set({ x }, { stored: plain(DType.int64, [2], [2n ** 60n + 1n, -1n]), once: x, twice: x })],
  };
}

/** An input that nothing reads belongs to the signature all the same. */
function unusedInput(): CaseSpec {
  const x = plain(DType.uint16, [2], [1, 65535]);
  return {
    name: "input_unused",
    layout: "compact",
    model: graphModel({
      inputs: [value("unused", DType.string, ["n"]), value("x", DType.uint16, [2])],
      outputs: [value("y", DType.uint16, [2])],
      nodes: [node("Identity", ["x"], ["y"])],
    }),
    sets: [["for nobody"], []].map((texts) => set({ unused: plain(DType.string, [texts.length], texts), x }, { y: x })),
  };
}

/** Two graphs inside, which read a value of the outer one; a scalar bool says which of them runs. */
function branches(): CaseSpec {
  const branch = (name: string, opType: string) => ({
    name,
    nodes: [node(opType, ["x"], [`${name}_out`])],
    inputs: [],
    outputs: [value(`${name}_out`, DType.float, [2])],
  });
  return {
    name: "branches",
    layout: "compact",
    model: graphModel({
      inputs: [value("condition", DType.bool), value("x", DType.float, [2])],
      outputs: [value("y", DType.float, [2])],
      nodes: [
        node(
          "If",
          ["condition"],
          ["y"],
          [
            attribute.graph("then_branch", branch("negated", "Neg")),
            attribute.graph("else_branch", branch("absolute", "Abs")),
          ],
        ),
      ],
    }),
    sets: [true, false].map((condition) =>
      set(
        { condition: plain(DType.bool, [], [condition]), x: plain(DType.float, [2], [3, -4]) },
        { y: plain(DType.float, [2], condition ? [-3, 4] : [3, 4]) },
      ),
    ),
  };
}

/** All pairs of bools through what is made of them. */
function bools(): CaseSpec {
  const [a, b] = [
    [false, false, true, true],
    [false, true, false, true],
  ];
  const row = (values: readonly (boolean | number)[]) => plain(DType.bool, [2, 2], values);
  return {
    name: "bools",
    layout: "unpacked",
    model: graphModel({
      inputs: [value("a", DType.bool, [2, 2]), value("b", DType.bool, [2, 2])],
      outputs: [
        value("and", DType.bool, [2, 2]),
        value("xor", DType.bool, [2, 2]),
        value("not", DType.bool, [2, 2]),
        value("number", DType.float, [2, 2]),
      ],
      nodes: [
        node("And", ["a", "b"], ["and"]),
        node("Xor", ["a", "b"], ["xor"]),
        node("Not", ["a"], ["not"]),
        node("Cast", ["a"], ["number"], [attribute.integer("to", DType.float)]),
      ],
    }),
    sets: [
      set(
        { a: row(a ?? []), b: row(b ?? []) },
        {
          and: row([0, 0, 0, 1]),
          xor: row([0, 1, 1, 0]),
          not: row([1, 1, 0, 0]),
          number: plain(DType.float, [2, 2], [0, 0, 1, 1]),
        },
      ),
    ],
  };
}
