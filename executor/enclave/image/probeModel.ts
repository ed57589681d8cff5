import type { NamedTensor } from "../../protocol/tensorSet";
import { DType } from "../../protocol/tensorType";
import { tensorFrom } from "../../protocol/tensorValues";

/**
 * Small fixed graphs as ONNX bytes, written here because they must be the same wherever the image runs and need no file.
 * Field numbers are those of `onnx.proto3`.
 */

function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    out.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return Uint8Array.from(out);
}

const integer = (field: number, value: number): Uint8Array => Buffer.concat([varint(field * 8), varint(value)]);
const bytes = (field: number, value: Uint8Array | string): Uint8Array => {
  const body = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body]);
};

function valueInfo(name: string, dims: readonly number[]): Uint8Array {
  const shape = Buffer.concat(dims.map((dim) => bytes(1, integer(1, dim))));
  const tensorType = Buffer.concat([integer(1, DType.float), bytes(2, shape)]);
  return Buffer.concat([bytes(1, name), bytes(2, bytes(1, tensorType))]);
}

function weight(name: string, dims: readonly number[]): Uint8Array {
  const { data } = pattern(dims, name.length);
  return Buffer.concat([
    ...dims.map((dim) => integer(1, dim)),
    integer(2, DType.float),
    bytes(8, name),
    bytes(9, data),
  ]);
}

/** Values that look irregular, need no random source and are exact in float32. */
function pattern(dims: readonly number[], seed: number): { dims: readonly number[]; data: Uint8Array } {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const values = Array.from({ length: count }, (_, i) => (((i + seed) * 7919) % 1009) / 512 - 0.984375);
  return tensorFrom({ dtype: DType.float, dims, values });
}

interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
}

function model(
  nodes: readonly Node[],
  parts: { inputs: Uint8Array[]; outputs: Uint8Array[]; weights: Uint8Array[] },
): Uint8Array {
  const graph = Buffer.concat([
    ...nodes.map(({ op, inputs, output }) =>
      bytes(1, Buffer.concat([...inputs.map((name) => bytes(1, name)), bytes(2, output), bytes(4, op)])),
    ),
    bytes(2, "probe"),
    ...parts.weights.map((tensor) => bytes(5, tensor)),
    ...parts.inputs.map((info) => bytes(11, info)),
    ...parts.outputs.map((info) => bytes(12, info)),
  ]);
  const opset = integer(2, 13);
  return new Uint8Array(Buffer.concat([integer(1, 8), bytes(7, graph), bytes(8, opset)]));
}

/** One addition: enough to make onnxruntime finish its own set-up. */
export function warmUpModel(): Uint8Array {
  return model([{ op: "Add", inputs: ["x", "x"], output: "y" }], {
    inputs: [valueInfo("x", [1])],
    outputs: [valueInfo("y", [1])],
    weights: [],
  });
}

/**
 * The graphs whose outputs tell one class of processor and build from another: products of odd sizes, a convolution, soft-max,
 * reductions and exponentials are where vector widths and fused multiply-add change the last bits.
 */
export function probeModel(): Uint8Array {
  const nodes: Node[] = [
    { op: "MatMul", inputs: ["a", "w"], output: "matmul" },
    { op: "Conv", inputs: ["image", "k"], output: "conv" },
    { op: "Softmax", inputs: ["matmul"], output: "softmax" },
    { op: "ReduceSum", inputs: ["a"], output: "sum" },
    { op: "ReduceMean", inputs: ["a"], output: "mean" },
    { op: "ReduceL2", inputs: ["conv"], output: "norm" },
    { op: "Exp", inputs: ["a"], output: "exp" },
    { op: "Tanh", inputs: ["matmul"], output: "tanh" },
    { op: "Sigmoid", inputs: ["matmul"], output: "sigmoid" },
    { op: "Erf", inputs: ["a"], output: "erf" },
  ];
  const outputs = [
    valueInfo("matmul", [17, 33]),
    valueInfo("conv", [1, 5, 13, 13]),
    valueInfo("softmax", [17, 33]),
    valueInfo("sum", [1, 1]),
    valueInfo("mean", [1, 1]),
    valueInfo("norm", [1, 1, 1, 1]),
    valueInfo("exp", [17, 129]),
    valueInfo("tanh", [17, 33]),
    valueInfo("sigmoid", [17, 33]),
    valueInfo("erf", [17, 129]),
  ];
  const inputs = [valueInfo("a", [17, 129]), valueInfo("image", [1, 3, 15, 15])];
  return model(nodes, { inputs, outputs, weights: [weight("w", [129, 33]), weight("k", [5, 3, 3, 3])] });
}

export function probeInputs(): NamedTensor[] {
  return [
    { name: "a", tensor: { dtype: DType.float, ...pattern([17, 129], 3) } },
    { name: "image", tensor: { dtype: DType.float, ...pattern([1, 3, 15, 15], 11) } },
  ];
}
