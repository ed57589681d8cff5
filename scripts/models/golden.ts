import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { GoldenInput } from "./recipes/recipe";

// Read at load: without it onnxruntime-node 1.30 writes to the home folder and calls out.
process.env.ORT_DISABLE_TELEMETRY = "1";

/** A tensor in the compact form that `assay model check` reads: `b64` holds the little-endian elements. */
export interface CompactTensor {
  readonly name: string;
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly b64: string;
}

export interface CompactSet {
  readonly inputs: readonly CompactTensor[];
  readonly outputs: readonly CompactTensor[];
}

/** By onnxruntime-node's names of the types, which the compact form uses as well. */
const ARRAYS = { float32: Float32Array, uint8: Uint8Array, int64: BigInt64Array } as const;
export type GoldenType = keyof typeof ARRAYS;

export type Runtime = typeof import("onnxruntime-node");

export async function loadRuntime(): Promise<Runtime> {
  return import("onnxruntime-node");
}

/** One thread and one order of execution, as in an enclave. */
export async function openSession(runtime: Runtime, onnx: Uint8Array): Promise<InferenceSession> {
  return runtime.InferenceSession.create(onnx, { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: "sequential" });
}

export interface CompactRun {
  readonly runtime: Runtime;
  readonly session: InferenceSession;
  readonly inputs: readonly CompactTensor[];
}

/** Runs the model on one set of inputs. @returns the outputs in their declared order */
export async function runCompact({ runtime, session, inputs }: CompactRun): Promise<CompactTensor[]> {
  const feeds = Object.fromEntries(inputs.map((input) => [input.name, toOrt(runtime, input)]));
  const results = await session.run(feeds);
  return session.outputNames.map((name) => {
    const result = results[name];
    if (result === undefined) throw new Error(`onnxruntime gave no output ${name}`);
    return fromOrt(name, result);
  });
}

export function compactInput({ name, dtype, dims, bytes }: GoldenInput): CompactTensor {
  return { name, dtype, dims, b64: Buffer.from(bytes).toString("base64") };
}

function toOrt(runtime: Runtime, { dtype, dims, b64 }: CompactTensor): OrtTensor {
  if (!isGoldenType(dtype)) throw new Error(`no golden values of type ${dtype}`);
  // A copy, because views of other types need aligned bytes.
  const { buffer } = Uint8Array.from(Buffer.from(b64, "base64"));
  return new runtime.Tensor(dtype, new ARRAYS[dtype](buffer) as never, [...dims]); // The table gives the array of the type.
}

function fromOrt(name: string, { type, dims, data }: OrtTensor): CompactTensor {
  if (!isGoldenType(type) || !ArrayBuffer.isView(data)) throw new Error(`no golden values of type ${type}`);
  return { name, dtype: type, dims, b64: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64") };
}

function isGoldenType(dtype: string): dtype is GoldenType {
  return dtype in ARRAYS;
}
