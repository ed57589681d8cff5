import { DType, type NumericDType } from "../../../executor/protocol/tensorType";
import { attribute } from "../../models/onnx/writer";
import { type CaseSpec, graphModel, type Layout, node, set, value } from "../caseSpec";
import { ofBits, plain } from "./samples";

/** What a float type is made of. */
interface FloatType {
  readonly name: string;
  readonly dtype: NumericDType;
  readonly layout: Layout;
  readonly sign: bigint;
  readonly infinity: bigint;
  /** The canonical quiet NaN. */
  readonly nan: bigint;
}

const FLOATS: readonly FloatType[] = [
  { name: "float", dtype: DType.float, layout: "typed", sign: 1n << 31n, infinity: 0x7f800000n, nan: 0x7fc00000n },
  {
    name: "double",
    dtype: DType.double,
    layout: "compact",
    sign: 1n << 63n,
    infinity: 0x7ff0000000000000n,
    nan: 0x7ff8000000000000n,
  },
  { name: "float16", dtype: DType.float16, layout: "unpacked", sign: 1n << 15n, infinity: 0x7c00n, nan: 0x7e00n },
];

export function numberCases(): CaseSpec[] {
  return [
    ...FLOATS.flatMap((type) => [nans(type), zeros(type), denormals(type), infinities(type)]),
    halves(),
    int64s(),
    uint64s(),
  ];
}

/** Quiet and signalling, of both signs, with payloads from 1 to all ones: whatever goes in, one NaN comes out. */
function nans({ name, dtype, layout, sign, infinity, nan }: FloatType): CaseSpec {
  const low = nan - infinity; // The quiet bit.
  const patterns = [nan, nan | 1n, infinity | 1n, infinity | (low - 1n), nan | (low - 1n), infinity | (low >> 1n)];
  const all = [...patterns, ...patterns.map((bits) => bits | sign)];
  const n = all.length;
  return {
    name: `nan_payloads_${name}`,
    layout,
    model: graphModel({
      inputs: [value("x", dtype, [n])],
      outputs: [
        value("same", dtype, [n]),
        value("negated", dtype, [n]),
        value("doubled", dtype, [n]),
        value("is_nan", DType.bool, [n]),
      ],
      nodes: [
        node("Identity", ["x"], ["same"]),
        node("Neg", ["x"], ["negated"]),
        node("Add", ["x", "x"], ["doubled"]),
        node("IsNaN", ["x"], ["is_nan"]),
      ],
    }),
    sets: [
      set(
        { x: ofBits(dtype, all) },
        {
          same: ofBits(
            dtype,
            all.map(() => nan),
          ),
          negated: ofBits(
            dtype,
            all.map(() => nan),
          ),
          doubled: ofBits(
            dtype,
            all.map(() => nan),
          ),
          is_nan: plain(
            DType.bool,
            [n],
            all.map(() => true),
          ),
        },
      ),
    ],
  };
}

/** Both zeros keep their sign, also where an operator makes it. */
function zeros({ name, dtype, sign }: FloatType): CaseSpec {
  return {
    name: `negative_zero_${name}`,
    layout: "raw",
    model: graphModel({
      inputs: [value("x", dtype, [2])],
      outputs: [value("same", dtype, [2]), value("negated", dtype, [2]), value("doubled", dtype, [2])],
      nodes: [node("Identity", ["x"], ["same"]), node("Neg", ["x"], ["negated"]), node("Add", ["x", "x"], ["doubled"])],
    }),
    sets: [
      set(
        { x: ofBits(dtype, [sign, 0]) },
        { same: ofBits(dtype, [sign, 0]), negated: ofBits(dtype, [0, sign]), doubled: ofBits(dtype, [sign, 0]) },
      ),
    ],
  };
}

/** Denormals are neither read nor written as zero: sums of them are the sums of their bits, up to the smallest normal number. */
function denormals({ name, dtype, sign, infinity, nan }: FloatType): CaseSpec {
  const smallestNormal = 2n * (nan - infinity);
  const values = [1n, 2n, 3n, smallestNormal >> 1n, (smallestNormal >> 1n) + 1n, smallestNormal - 1n];
  const all = [...values, ...values.map((bits) => bits | sign)];
  const doubled = [...values.map((bits) => 2n * bits), ...values.map((bits) => (2n * bits) | sign)];
  const n = all.length;
  return {
    name: `denormals_${name}`,
    layout: name === "double" ? "typed" : "compact",
    model: graphModel({
      inputs: [value("x", dtype, [n])],
      outputs: [value("same", dtype, [n]), value("doubled", dtype, [n])],
      nodes: [node("Identity", ["x"], ["same"]), node("Add", ["x", "x"], ["doubled"])],
    }),
    sets: [set({ x: ofBits(dtype, all) }, { same: ofBits(dtype, all), doubled: ofBits(dtype, doubled) })],
  };
}

/** Infinities of both signs, from outside and from an overflow. */
function infinities({ name, dtype, sign, infinity, nan }: FloatType): CaseSpec {
  const largest = infinity - 1n;
  const minus = infinity | sign;
  return {
    name: `infinities_${name}`,
    layout: "compact",
    model: graphModel({
      inputs: [value("x", dtype, [4])],
      outputs: [value("same", dtype, [4]), value("doubled", dtype, [4]), value("difference", dtype, [4])],
      nodes: [
        node("Identity", ["x"], ["same"]),
        node("Add", ["x", "x"], ["doubled"]),
        node("Sub", ["x", "x"], ["difference"]),
      ],
    }),
    sets: [
      set(
        { x: ofBits(dtype, [infinity, minus, largest, largest | sign]) },
        {
          same: ofBits(dtype, [infinity, minus, largest, largest | sign]),
          doubled: ofBits(dtype, [infinity, minus, infinity, minus]),
          difference: ofBits(dtype, [nan, nan, 0, 0]),
        },
      ),
    ],
  };
}

/** Every exponent of float16 with both signs and several fractions: as it is, and as the float that it equals. */
function halves(): CaseSpec {
  const bits: number[] = [];
  for (let exponent = 0; exponent < 31; exponent += 1)
    for (const fraction of [0, 1, 0x155, 0x3ff])
      bits.push((exponent << 10) | fraction, 0x8000 | (exponent << 10) | fraction);
  const n = bits.length;
  const floats = bits.map((pattern) => {
    const [exponent, fraction] = [(pattern >> 10) & 31, pattern & 0x3ff];
    const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
    return pattern & 0x8000 ? -magnitude : magnitude;
  });
  return {
    name: "float16_every_exponent",
    layout: "typed",
    model: graphModel({
      inputs: [value("x", DType.float16, [n])],
      outputs: [
        value("same", DType.float16, [n]),
        value("as_float", DType.float, [n]),
        value("back", DType.float16, [n]),
      ],
      nodes: [
        node("Identity", ["x"], ["same"]),
        node("Cast", ["x"], ["as_float"], [attribute.integer("to", DType.float)]),
        node("Cast", ["as_float"], ["back"], [attribute.integer("to", DType.float16)]),
      ],
    }),
    sets: [
      set(
        { x: ofBits(DType.float16, bits) },
        {
          same: ofBits(DType.float16, bits),
          as_float: plain(DType.float, [n], floats),
          back: ofBits(DType.float16, bits),
        },
      ),
    ],
  };
}

/** Neighbours that a double can not tell apart, and sums that wrap as two's complement does. */
function int64s(): CaseSpec {
  const values = [2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 62n + 1n, -(2n ** 63n), 2n ** 63n - 1n];
  return {
    name: "int64_beyond_2_53",
    layout: "typed",
    model: graphModel({
      inputs: [value("x", DType.int64, [6]), value("one", DType.int64)],
      outputs: [value("same", DType.int64, [6]), value("next", DType.int64, [6])],
      nodes: [node("Identity", ["x"], ["same"]), node("Add", ["x", "one"], ["next"])],
    }),
    sets: [1n, -3n].map((one) =>
      set(
        { x: plain(DType.int64, [6], values), one: plain(DType.int64, [], [one]) },
        {
          same: plain(DType.int64, [6], values),
          next: plain(
            DType.int64,
            [6],
            values.map((number) => BigInt.asIntN(64, number + one)),
          ),
        },
      ),
    ),
  };
}

function uint64s(): CaseSpec {
  const values = [2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 2n, 2n ** 64n - 1n];
  return {
    name: "uint64_near_2_64",
    layout: "unpacked",
    model: graphModel({
      inputs: [value("x", DType.uint64, [5])],
      outputs: [value("same", DType.uint64, [5]), value("inverted", DType.uint64, [5])],
      nodes: [node("Identity", ["x"], ["same"]), node("BitwiseNot", ["x"], ["inverted"])],
    }),
    sets: [
      set(
        { x: plain(DType.uint64, [5], values) },
        {
          same: plain(DType.uint64, [5], values),
          inverted: plain(
            DType.uint64,
            [5],
            values.map((number) => BigInt.asUintN(64, ~number)),
          ),
        },
      ),
    ],
  };
}
