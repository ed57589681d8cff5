import type { Tensor } from "../../../protocol/tensor";
import type { NamedTensor } from "../../../protocol/tensorSet";
import { DType, isDType } from "../../../protocol/tensorType";
import { elementsOf } from "../../../protocol/tensorValues";
import type { RuntimeMetadata } from "../messages";

/** onnxruntime's names of the ONNX types 1..13, in order. */
const TYPE_NAMES = [
  "float32",
  "uint8",
  "int8",
  "uint16",
  "int16",
  "int32",
  "int64",
  "string",
  "bool",
  "float16",
  "float64",
  "uint32",
  "uint64",
] as const;

/**
 * One thread, one order, one optimisation level: outputs are bit-equal inside one runtime profile only if none of these varies.
 * Never a word from outside: some options write files or load libraries. Part of `runtimeProfile`.
 */
export const SESSION_OPTIONS = {
  executionProviders: ["cpu"],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: "sequential",
  graphOptimizationLevel: "all",
  enableCpuMemArena: true,
  enableMemPattern: true,
  logSeverityLevel: 4,
} as const;

interface RawMetadata {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type: number;
  readonly shape: readonly number[];
}

interface NativeSession {
  loadModel(buffer: ArrayBuffer, offset: number, length: number, options: unknown): void;
  run(feeds: Record<string, RawTensor>, fetches: Record<string, null>, options: unknown): Record<string, RawTensor>;
  readonly inputMetadata: readonly RawMetadata[];
  readonly outputMetadata: readonly RawMetadata[];
}

export interface NativeBinding {
  readonly InferenceSession: new () => NativeSession;
  initOrtOnce(logLevel: number, tensor: unknown, isMainThread: boolean): void;
}

/**
 * What the binding reads of an input and constructs for an output. It stands in for the class of onnxruntime-common, which
 * converts float16 and checks what is already checked here; the bits go through untouched.
 */
class RawTensor {
  readonly location = "cpu";
  constructor(
    readonly type: string,
    readonly data: ArrayBufferView | readonly string[],
    readonly dims: readonly number[],
  ) {}
}

/** An output that the protocol has no form for. */
export class UnsupportedOutput extends Error {}

/** One model, loaded. */
export interface LoadedModel {
  readonly inputs: readonly RuntimeMetadata[];
  readonly outputs: readonly RuntimeMetadata[];
  /**
   * Runs the model. Views of the returned tensors belong to onnxruntime's buffers until the next run.
   * @throws UnsupportedOutput, or whatever onnxruntime throws
   */
  run(inputs: readonly NamedTensor[]): NamedTensor[];
}

/** onnxruntime, loaded from its binding's path. Touches no model. */
export class OnnxRuntime {
  readonly #binding: NativeBinding;

  /** @param binding of a process that has initialised it already; its outputs are then objects of that process's tensor class */
  constructor(binding: string | NativeBinding) {
    if (typeof binding !== "string") {
      this.#binding = binding;
      return;
    }
    const holder = { exports: {} as NativeBinding };
    process.dlopen(holder, binding);
    this.#binding = holder.exports;
    this.#binding.initOrtOnce(4, RawTensor, true);
  }

  /** @throws whatever onnxruntime throws for a model that it can not load */
  load(model: Uint8Array): LoadedModel {
    const session = new this.#binding.InferenceSession();
    session.loadModel(model.buffer as ArrayBuffer, model.byteOffset, model.byteLength, SESSION_OPTIONS);
    const inputs = session.inputMetadata.map(toMetadata);
    const outputs = session.outputMetadata.map(toMetadata);
    const fetches = Object.fromEntries(outputs.map(({ name }) => [name, null]));
    const aligner = new Aligner();
    return {
      inputs,
      outputs,
      run: (given) => {
        const feeds = Object.fromEntries(given.map((input) => [input.name, toRaw(input, aligner)]));
        const results = session.run(feeds, fetches, {});
        return outputs.map(({ name }) => ({ name, tensor: fromRaw(results[name]) }));
      },
    };
  }
}

function toMetadata(raw: RawMetadata): RuntimeMetadata {
  // A value that is no tensor has no type number; 0 lets the signer's comparison refuse it.
  return raw.isTensor
    ? { name: raw.name, type: raw.type, dims: [...raw.shape] }
    : { name: raw.name, type: 0, dims: [] };
}

/** Aligned copies of inputs, in memory that the next run uses again. A run is synchronous, so nobody reads them afterwards. */
class Aligner {
  readonly #room = new Map<string, Uint8Array>();

  place(name: string, data: Uint8Array): Uint8Array {
    if (data.byteOffset % 8 === 0) return data;
    let room = this.#room.get(name);
    if (room === undefined || room.length < data.length) {
      room = new Uint8Array(data.length);
      this.#room.set(name, room);
    }
    room.set(data);
    return room.subarray(0, data.length);
  }
}

function toRaw({ name, tensor }: NamedTensor, aligner: Aligner): RawTensor {
  const type = TYPE_NAMES[tensor.dtype - 1] as string; // The table covers every DType.
  if (tensor.dtype === DType.string) return new RawTensor(type, tensor.strings, tensor.dims);
  const bits = elementsOf(tensor.dtype, { ...tensor, data: aligner.place(name, tensor.data) });
  const half = (globalThis as { Float16Array?: new (b: ArrayBufferLike, o: number, l: number) => ArrayBufferView })
    .Float16Array;
  // Where the engine has Float16Array the binding accepts it besides Uint16Array; the bits are the same.
  const data =
    tensor.dtype === DType.float16 && half !== undefined ? new half(bits.buffer, bits.byteOffset, bits.length) : bits;
  return new RawTensor(type, data, tensor.dims);
}

function fromRaw(raw: RawTensor | undefined): Tensor {
  const dtype = raw === undefined ? 0 : TYPE_NAMES.indexOf(raw.type as (typeof TYPE_NAMES)[number]) + 1;
  if (raw === undefined || !isDType(dtype)) throw new UnsupportedOutput(`an output of type ${raw?.type ?? "none"}`);
  const dims = [...raw.dims];
  if (dtype === DType.string) return { dtype, dims, strings: raw.data as readonly string[] };
  const view = raw.data as ArrayBufferView;
  return { dtype, dims, data: new Uint8Array(view.buffer, view.byteOffset, view.byteLength) };
}
