import { DType } from "../../../executor/protocol/tensorType";
import { attribute, tensor } from "../../models/onnx/writer";
import { type CaseSpec, graphModel, type Layout, node, set, value } from "../caseSpec";
import { tensorFile } from "../tensorFile";
import { plain, SAMPLES, TYPES, type Values } from "./samples";

const LAYOUTS: readonly Layout[] = ["typed", "compact", "raw", "unpacked"];

/** Each element type through three operators that move elements and change none, one of them with a stored tensor. */
export function typeCases(): CaseSpec[] {
  return TYPES.map(([name, dtype], index) => {
    const values = SAMPLES[name];
    const first = values.slice(0, 3);
    const x = plain(dtype, [2, 3], values);
    const stored = plain(dtype, [1, 3], first);
    return {
      name: `type_${name}`,
      layout: LAYOUTS[index % LAYOUTS.length] as Layout, // The remainder is an index.
      model: graphModel({
        inputs: [value("x", dtype, [2, 3])],
        outputs: [value("same", dtype, [2, 3]), value("turned", dtype, [3, 2]), value("joined", dtype, [3, 3])],
        nodes: [
          node("Identity", ["x"], ["same"]),
          node("Transpose", ["x"], ["turned"]),
          node("Concat", ["x", "stored"], ["joined"], [attribute.integer("axis", 0)]),
        ],
        initialisers: [
          stored.dtype === DType.string
            ? tensorFile({ name: "stored", tensor: stored }, "typed")
            : tensor({ name: "stored", dtype, dims: [1, 3], raw: stored.data }),
        ],
      }),
      sets: [
        set(
          { x },
          {
            same: x,
            turned: plain(dtype, [3, 2], turned(values)),
            joined: plain(dtype, [3, 3], [...values, ...first]),
          },
        ),
      ],
    };
  });
}

/** Two rows of three as three rows of two. */
const turned = (values: Values): Values => [0, 3, 1, 4, 2, 5].map((i) => values[i] as Values[number]);
