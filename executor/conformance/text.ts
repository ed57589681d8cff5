import { ConformanceError } from "./error";

// Without ignoreBOM a string that begins with U+FEFF would lose it.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** An element of a string tensor. @throws ConformanceError `CASE_TENSOR_UNSUPPORTED` for what is no UTF-8: onnxruntime-node can not carry it either */
export function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new ConformanceError("CASE_TENSOR_UNSUPPORTED", "an element of a string tensor is no UTF-8", cause);
  }
}
