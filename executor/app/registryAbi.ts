import { Interface } from "ethers";
import { MODELS_ABI, NITRO_ABI, P384_ABI, REGISTRY_ABI, VERIFIER_ABI } from "../protocol/generated/abi";

export const REGISTRY = new Interface(REGISTRY_ABI);
export const MODEL_REGISTRY = new Interface(MODELS_ABI);
export const DEVELOPMENT_VERIFIER = new Interface(VERIFIER_ABI);
export const NITRO_VERIFIER = new Interface(NITRO_ABI);

const errorsOf = (abi: readonly string[]): readonly string[] => abi.filter((fragment) => fragment.startsWith("error "));
/** Errors that a call of the registries or of a verifier can end with, those of what they call themselves included. */
const ERRORS = new Interface([
  ...new Set([REGISTRY_ABI, MODELS_ABI, VERIFIER_ABI, NITRO_ABI, P384_ABI].flatMap(errorsOf)),
]);

/** The name of the error that a call reverted with; undefined where the node gave no data, or none of ours. */
export function revertName(data: string | undefined): string | undefined {
  if (data === undefined || data.length < 10) return undefined;
  return ERRORS.parseError(data)?.name;
}
