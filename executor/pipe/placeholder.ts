import { elementCount } from "../protocol/tensor";
import { encodeTensorSet } from "../protocol/tensorSet";
import type { TensorSignature } from "../protocol/tensorSignature";
import { DType } from "../protocol/tensorType";
import { stringTensor, tensorFrom } from "../protocol/tensorValues";

/** Simulations carry placeholders in storage words; one as large as this would cost more than it can save. */
const MAX_ELEMENTS = 4_096;

/**
 * Outputs of a model's declared form whose numbers are all `fill`, encoded; free dimensions count as one. Undefined where that is too large.
 * They stand for answers that are not known yet, in simulations only.
 */
export function placeholderOf(signature: TensorSignature, fill: 0 | 1): Uint8Array | undefined {
  const shaped = signature.outputs.map(({ name, dtype, dims }) => ({ name, dtype, dims: dims.map((dim) => dim ?? 1) }));
  if (shaped.some(({ dims }) => elementCount(dims) > MAX_ELEMENTS)) return undefined;
  return encodeTensorSet(
    shaped.map(({ name, dtype, dims }) => ({
      name,
      tensor:
        dtype === DType.string
          ? stringTensor(dims, new Array<string>(elementCount(dims)).fill(String(fill)))
          : tensorFrom({ dtype, dims, values: new Array<number>(elementCount(dims)).fill(fill) }),
    })),
  );
}
