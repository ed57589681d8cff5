import { DType } from "../../../executor/protocol/tensorType";
import { attribute, floatTensor, int64Tensor } from "../../models/onnx/writer";
import { type CaseSpec, graphModel, named, node, set, value } from "../caseSpec";
import { plain, SAMPLES, TYPES, type Values } from "./samples";

export function shapeCases(): CaseSpec[] {
  return [
    scalars(),
    reducedToScalar(),
    zeroSize(),
    zeroRows(),
    rankEight(),
    rankEightOfEach(),
    dynamicBatch(),
    dynamicRectangle(),
    dataDependent(),
  ];
}

/** One scalar of each type in, the same out. A shape of no dimensions is one element, not none. */
function scalars(): CaseSpec {
  const list = TYPES.map(([name, dtype]) => ({ name, tensor: plain(dtype, [], SAMPLES[name].slice(5)) }));
  return {
    name: "scalars_of_each_type",
    layout: "typed",
    model: graphModel({
      inputs: TYPES.map(([name, dtype]) => value(name, dtype)),
      outputs: TYPES.map(([name, dtype]) => value(`${name}_out`, dtype)),
      nodes: TYPES.map(([name]) => node("Identity", [name], [`${name}_out`])),
    }),
    sets: [{ inputs: list, outputs: list.map(({ name, tensor }) => named(`${name}_out`, tensor)) }],
  };
}

/** A scalar that an operator makes, and a scalar that it takes. */
function reducedToScalar(): CaseSpec {
  return {
    name: "scalar_made_inside",
    layout: "compact",
    model: graphModel({
      inputs: [value("x", DType.int32, [2, 2]), value("limit", DType.int32)],
      outputs: [value("sum", DType.int32), value("within", DType.bool)],
      nodes: [
        node("ReduceSum", ["x"], ["sum"], [attribute.integer("keepdims", 0)]),
        node("LessOrEqual", ["sum", "limit"], ["within"]),
      ],
    }),
    sets: [10, 9].map((limit) =>
      set(
        { x: plain(DType.int32, [2, 2], [1, 2, 3, 4]), limit: plain(DType.int32, [], [limit]) },
        { sum: plain(DType.int32, [], [10]), within: plain(DType.bool, [], [limit >= 10]) },
      ),
    ),
  };
}

/** No element, of each type, with a zero at each place of the shape. */
function zeroSize(): CaseSpec {
  const shapes = [
    [0, 3, 2],
    [4, 0, 2],
    [4, 3, 0],
    [0, 0, 0],
  ];
  return {
    name: "zero_size_of_each_type",
    layout: "raw",
    model: graphModel({
      inputs: TYPES.map(([name, dtype]) => value(name, dtype, ["a", "b", "c"])),
      outputs: TYPES.map(([name, dtype]) => value(`${name}_out`, dtype, ["c", "b", "a"])),
      nodes: TYPES.map(([name]) => node("Transpose", [name], [`${name}_out`])),
    }),
    sets: shapes.map((dims) => ({
      inputs: TYPES.map(([name, dtype]) => named(name, plain(dtype, dims, []))),
      outputs: TYPES.map(([name, dtype]) => named(`${name}_out`, plain(dtype, [...dims].reverse(), []))),
    })),
  };
}

/** A sum of nothing is zero; nothing beside something is something. */
function zeroRows(): CaseSpec {
  return {
    name: "zero_rows",
    layout: "compact",
    model: graphModel({
      inputs: [value("x", DType.float, ["n", 3])],
      outputs: [value("sums", DType.float, [1, 3]), value("joined", DType.float, [null, 3])],
      nodes: [
        node("ReduceSum", ["x", "axis"], ["sums"]),
        node("Concat", ["x", "row"], ["joined"], [attribute.integer("axis", 0)]),
      ],
      initialisers: [int64s("axis", [0n]), floatTensor("row", [1, 3], [7, 8, 9])],
    }),
    sets: [
      set(
        { x: plain(DType.float, [0, 3], []) },
        { sums: plain(DType.float, [1, 3], [0, 0, 0]), joined: plain(DType.float, [1, 3], [7, 8, 9]) },
      ),
      set(
        { x: plain(DType.float, [2, 3], [1, 2, 3, 4, 5, 6]) },
        {
          sums: plain(DType.float, [1, 3], [5, 7, 9]),
          joined: plain(DType.float, [3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        },
      ),
    ],
  };
}

/** Eight dimensions, all of them turned round. */
function rankEight(): CaseSpec {
  const dims = [2, 1, 3, 1, 2, 1, 2, 2];
  const values = Array.from({ length: 48 }, (_, i) => i - 20);
  const permutation = [7, 6, 5, 4, 3, 2, 1, 0];
  return {
    name: "rank_8_turned",
    layout: "typed",
    model: graphModel({
      inputs: [value("x", DType.int32, dims)],
      outputs: [value("y", DType.int32, [...dims].reverse())],
      nodes: [node("Transpose", ["x"], ["y"], [attribute.integers("perm", permutation)])],
    }),
    sets: [
      set(
        { x: plain(DType.int32, dims, values) },
        { y: plain(DType.int32, [...dims].reverse(), reversedAxes(dims, values)) },
      ),
    ],
  };
}

/** The elements of a row-major tensor in the order of its axes reversed. */
function reversedAxes(dims: readonly number[], values: Values): Values {
  const out: Values[number][] = new Array<Values[number]>(values.length);
  values.forEach((element, index) => {
    let [rest, to, stride] = [index, 0, values.length];
    // From the last axis, which runs fastest in, and slowest out.
    for (const dim of [...dims].reverse()) {
      stride /= dim;
      to += (rest % dim) * stride;
      rest = Math.floor(rest / dim);
    }
    out[to] = element;
  });
  return out;
}

/** Rank 8 in each type, through an operator that only changes the shape. */
function rankEightOfEach(): CaseSpec {
  const dims = [1, 1, 2, 1, 1, 3, 1, 1];
  return {
    name: "rank_8_of_each_type",
    layout: "compact",
    model: graphModel({
      inputs: TYPES.map(([name, dtype]) => value(name, dtype, dims)),
      outputs: TYPES.map(([name, dtype]) => value(`${name}_out`, dtype, [3, 1, 1, 1, 1, 1, 1, 2])),
      nodes: TYPES.map(([name]) => node("Reshape", [name, "shape"], [`${name}_out`])),
      initialisers: [int64s("shape", [3n, 1n, 1n, 1n, 1n, 1n, 1n, 2n])],
    }),
    sets: [
      {
        inputs: TYPES.map(([name, dtype]) => named(name, plain(dtype, dims, SAMPLES[name]))),
        outputs: TYPES.map(([name, dtype]) =>
          named(`${name}_out`, plain(dtype, [3, 1, 1, 1, 1, 1, 1, 2], SAMPLES[name])),
        ),
      },
    ],
  };
}

/** A batch of any size, also of none. The numbers are small and whole, so that the products are exact in every order. */
function dynamicBatch(): CaseSpec {
  const weights = [1, -2, 3, 4, 5, -6];
  const rows = (n: number): number[] => Array.from({ length: 3 * n }, (_, i) => ((7 * i) % 11) - 5);
  const product = (x: readonly number[]): number[] =>
    Array.from({ length: (2 * x.length) / 3 }, (_, at) =>
      [0, 1, 2].reduce((sum, k) => sum + at3(x, (at >> 1) * 3 + k) * at3(weights, 2 * k + (at & 1)), 0),
    );
  return {
    name: "dynamic_batch",
    layout: "raw",
    model: graphModel({
      inputs: [value("x", DType.float, ["N", 3])],
      outputs: [value("y", DType.float, ["N", 2])],
      nodes: [node("MatMul", ["x", "w"], ["y"])],
      initialisers: [floatTensor("w", [3, 2], weights)],
    }),
    sets: [1, 4, 17, 0, 2].map((n) =>
      set({ x: plain(DType.float, [n, 3], rows(n)) }, { y: plain(DType.float, [n, 2], product(rows(n))) }),
    ),
  };
}

const at3 = (list: readonly number[], index: number): number => list[index] as number; // The indexes are within the rows.

/** Two free dimensions, one with a symbol and one without, and the shape itself as an output. */
function dynamicRectangle(): CaseSpec {
  return {
    name: "dynamic_rectangle",
    layout: "compact",
    model: graphModel({
      inputs: [value("x", DType.uint8, ["height", null])],
      outputs: [value("flat", DType.uint8, [null]), value("shape", DType.int64, [2])],
      nodes: [node("Reshape", ["x", "all"], ["flat"]), node("Shape", ["x"], ["shape"])],
      initialisers: [int64s("all", [-1n])],
    }),
    sets: [
      [2, 3],
      [1, 1],
      [5, 2],
    ].map(([height = 0, width = 0]) => {
      const values = Array.from({ length: height * width }, (_, i) => 255 - i);
      return set(
        { x: plain(DType.uint8, [height, width], values) },
        {
          flat: plain(DType.uint8, [height * width], values),
          shape: plain(DType.int64, [2], [BigInt(height), BigInt(width)]),
        },
      );
    }),
  };
}

/** How long the answer is depends on the values, not on the shape. */
function dataDependent(): CaseSpec {
  return {
    name: "shape_from_values",
    layout: "unpacked",
    model: graphModel({
      inputs: [value("x", DType.int32, ["n"])],
      outputs: [value("places", DType.int64, [1, null])],
      nodes: [node("NonZero", ["x"], ["places"])],
    }),
    sets: [
      [0, 5, 0, -1],
      [0, 0],
      [1, 2, 3, 4, 5, 6],
    ].map((values) => {
      const places = values.flatMap((element, i) => (element === 0 ? [] : [BigInt(i)]));
      return set(
        { x: plain(DType.int32, [values.length], values) },
        { places: plain(DType.int64, [1, places.length], places) },
      );
    }),
  };
}

const int64s = (name: string, values: readonly bigint[]): Uint8Array => int64Tensor(name, [values.length], values);
