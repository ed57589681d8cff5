import { isAssayError } from "../../../domain/errors";
import { type Frame, FrameType, SectionTag } from "../../../protocol/frames";
import { canonicaliseNans } from "../../../protocol/tensorNan";
import { decodeTensorSet, encodeTensorSet } from "../../../protocol/tensorSet";
import { type LoadedModel, type OnnxRuntime, UnsupportedOutput } from "./onnxruntime";

type FailureCode = "LOAD_FAILED" | "RUN_FAILED" | "OUTPUT_TOO_LARGE" | "OUTPUT_UNSUPPORTED";
const MAX_DETAIL = 500;

function reply(type: FrameType, body: unknown, output?: Uint8Array): Frame {
  const sections = new Map<SectionTag, Uint8Array>([[SectionTag.body, Buffer.from(JSON.stringify(body))]]);
  if (output !== undefined) sections.set(SectionTag.output, output);
  return { type, sections };
}

function failed(code: FailureCode, error: unknown): Frame {
  const detail = (error instanceof Error ? error.message : String(error)).slice(0, MAX_DETAIL);
  return reply(FrameType.runnerFailed, { code, detail });
}

/**
 * A runner's whole behaviour: the first frame loads its one model, every further one runs it, and each is answered by exactly one frame.
 * Its peer is the signer, which it trusts; a frame that it can not read is a bug and ends the process.
 */
export class ModelServer {
  readonly #runtime: OnnxRuntime;
  #model: LoadedModel | undefined;
  #maxOutputBytes = 0;

  constructor(runtime: OnnxRuntime) {
    this.#runtime = runtime;
  }

  handle(frame: Frame): Frame {
    if (frame.type === FrameType.runnerLoad && this.#model === undefined) return this.#load(frame);
    if (frame.type === FrameType.runnerRun && this.#model !== undefined) return this.#run(this.#model, frame);
    throw new Error(`a frame of type ${frame.type} has no place here`);
  }

  #load(frame: Frame): Frame {
    const body = JSON.parse(Buffer.from(demand(frame, SectionTag.body)).toString("utf8")) as { maxOutputBytes: number };
    this.#maxOutputBytes = body.maxOutputBytes;
    try {
      this.#model = this.#runtime.load(demand(frame, SectionTag.model));
    } catch (error) {
      return failed("LOAD_FAILED", error);
    }
    return reply(FrameType.runnerLoaded, { inputs: this.#model.inputs, outputs: this.#model.outputs });
  }

  #run(model: LoadedModel, frame: Frame): Frame {
    const inputs = decodeTensorSet(demand(frame, SectionTag.input));
    try {
      const outputs = model.run(inputs).map(({ name, tensor }) => ({ name, tensor: canonicaliseNans(tensor) }));
      const encoded = encodeTensorSet(outputs);
      if (encoded.length > this.#maxOutputBytes) return failed("OUTPUT_TOO_LARGE", `${encoded.length} bytes`);
      return reply(FrameType.runnerRan, {}, encoded);
    } catch (error) {
      if (isAssayError(error, "TENSOR_TOO_LARGE")) return failed("OUTPUT_TOO_LARGE", error);
      return failed(
        error instanceof UnsupportedOutput || isAssayError(error) ? "OUTPUT_UNSUPPORTED" : "RUN_FAILED",
        error,
      );
    }
  }
}

function demand(frame: Frame, tag: SectionTag): Uint8Array {
  const bytes = frame.sections.get(tag);
  if (bytes === undefined) throw new Error(`a frame of type ${frame.type} lacks section ${tag}`);
  return bytes;
}
