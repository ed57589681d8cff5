import { InferenceSession, Tensor as RuntimeTensor } from "onnxruntime-node";
import type { Tensor } from "../../../executor/protocol/tensor";
import type { NamedTensor } from "../../../executor/protocol/tensorSet";
import { DType, isDType } from "../../../executor/protocol/tensorType";
import { elementsOf } from "../../../executor/protocol/tensorValues";

// Before the first session: telemetry opens a log that every child of this process would inherit, which a sandbox's self-tests refuse.
process.env.ORT_DISABLE_TELEMETRY = "1";

/** onnxruntime-node's names of the types 1 to 13, as its own documentation has them. */
const NAMES = "float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64".split(" ");

/**
 * What onnxruntime-node itself computes, through its public interface and with its default options: nothing of ours is in between.
 * An output called `__proto__` is computed, but its interface loses it on the way out; that one is left out here too.
 */
export async function bareRun(model: Uint8Array, inputs: readonly NamedTensor[]): Promise<NamedTensor[]> {
  const session = await InferenceSession.create(model, { logSeverityLevel: 4 });
  try {
    const feeds = Object.fromEntries(inputs.map(({ name, tensor }) => [name, toRuntime(tensor)]));
    const results = await session.run(feeds);
    return session.outputNames
      .filter((name) => name !== "__proto__")
      .map((name) => ({ name, tensor: fromRuntime(results[name]) }));
  } finally {
    await session.release();
  }
}

function toRuntime(tensor: Tensor): RuntimeTensor {
  const type = NAMES[tensor.dtype - 1] as string;
  const data = tensor.dtype === DType.string ? tensor.strings : elementsOf(tensor.dtype, tensor);
  return new RuntimeTensor(type as "float32", data as Float32Array, tensor.dims);
}

function fromRuntime(result: RuntimeTensor | undefined): Tensor {
  const dtype = result === undefined ? 0 : NAMES.indexOf(result.type) + 1;
  if (result === undefined || !isDType(dtype)) throw new Error("an output without a type of 1 to 13");
  const dims = [...result.dims];
  if (dtype === DType.string) return { dtype, dims, strings: result.data as string[] };
  const { buffer, byteOffset, byteLength } = result.data as Float32Array;
  return { dtype, dims, data: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength).slice() };
}

/** The canonical NaN in place of each NaN, written a second time here: element by element, by the definition of a NaN. */
export function withOneNan(tensor: Tensor): Tensor {
  const shape = FLOATS[tensor.dtype];
  if (shape === undefined || tensor.dtype === DType.string) return tensor;
  const data = Uint8Array.from(tensor.data);
  for (let at = 0; at < data.length; at += shape.width) {
    let bits = 0n;
    for (let i = shape.width - 1; i >= 0; i -= 1) bits = (bits << 8n) | BigInt(data[at + i] as number);
    const magnitude = bits & ~(1n << BigInt(8 * shape.width - 1));
    if (magnitude <= shape.infinity) continue;
    for (let i = 0; i < shape.width; i += 1) data[at + i] = Number((shape.nan >> BigInt(8 * i)) & 0xffn);
  }
  return { ...tensor, data };
}

const FLOATS: Readonly<Record<number, { width: number; infinity: bigint; nan: bigint }>> = {
  [DType.float]: { width: 4, infinity: 0x7f800000n, nan: 0x7fc00000n },
  [DType.double]: { width: 8, infinity: 0x7ff0000000000000n, nan: 0x7ff8000000000000n },
  [DType.float16]: { width: 2, infinity: 0x7c00n, nan: 0x7e00n },
};
