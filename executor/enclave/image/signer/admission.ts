import { isAssayError } from "../../../domain/errors";
import { admit } from "../../../protocol/onnx/admission";
import { type AdmissionLimits, DEFAULT_LIMITS } from "../../../protocol/onnx/limits";
import { encodeTensorSignature, type TensorSignature } from "../../../protocol/tensorSignature";
import { isDType } from "../../../protocol/tensorType";
import type { RuntimeMetadata } from "../messages";

export type StaticVerdict =
  | { readonly ok: true; readonly signature: TensorSignature; readonly encoded: Uint8Array }
  | { readonly ok: false; readonly reason: string; readonly detail: string };

/** Judges a model by its bytes alone, with the strict reader, before onnxruntime sees any of them. */
export function admitStatically(model: Uint8Array, limits: AdmissionLimits = DEFAULT_LIMITS): StaticVerdict {
  const verdict = admit(model, limits);
  if (!verdict.ok) return { ok: false, reason: verdict.reason.code, detail: verdict.reason.detail };
  const { inputs, outputs } = verdict.signature;
  try {
    const signature = { inputs, outputs } as TensorSignature; // The reader admits the types 1..13 only; encoding checks again.
    return { ok: true, signature, encoded: encodeTensorSignature(signature) };
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return { ok: false, reason: "SIGNATURE_UNSUPPORTED", detail: error.code };
  }
}

/**
 * Compares what the strict reader read with what onnxruntime, in the throw-away runner, says of the same bytes. Two readers that disagree on a
 * name, a type or a shape are an attack or a bug; either way the model is not admitted.
 * onnxruntime may know a dimension that the file leaves free (it infers output shapes), so a free one fits any.
 * @returns what differs, or undefined
 */
export function compareMetadata(
  signature: TensorSignature,
  runtime: { inputs: readonly RuntimeMetadata[]; outputs: readonly RuntimeMetadata[] },
): string | undefined {
  for (const half of ["inputs", "outputs"] as const) {
    const declared = signature[half];
    const seen = runtime[half];
    if (declared.length !== seen.length) return `${half}: ${declared.length} declared, ${seen.length} seen`;
    for (const [i, entry] of declared.entries()) {
      const other = seen[i] as RuntimeMetadata; // The lengths are equal.
      if (entry.name !== other.name) return `${half}[${i}]: another name`;
      if (!isDType(other.type) || entry.dtype !== other.type)
        return `${half}[${i}]: type ${entry.dtype} declared, ${other.type} seen`;
      if (entry.dims.length !== other.dims.length)
        return `${half}[${i}]: rank ${entry.dims.length} declared, ${other.dims.length} seen`;
      if (other.dims.some((dim) => dim < -1 || !Number.isSafeInteger(dim)))
        return `${half}[${i}]: a dimension that no tensor has`;
      const differs = entry.dims.some((dim, d) => dim !== null && other.dims[d] !== -1 && dim !== other.dims[d]);
      if (differs) return `${half}[${i}]: another shape`;
    }
  }
  return undefined;
}
