import { Interface } from "ethers";
import { type Address, type Hex32, type HexBytes, hex32, ZERO_32, ZERO_ADDRESS } from "../domain/ids";
import type { FilledInference, Inference, InferTerms, PortableAnswer } from "../domain/inference";
import type { IntentFields } from "../domain/pipe";
import { bytesToHex, hexToBytes } from "./bytes";
import { DELEGATE_ABI, FORWARDER_ABI, HUB_ABI } from "./generated/abi";
import { hashResult, inferenceKeyOf, keccak256, type ResultStatement, typedDigest } from "./statement";

const HUB = new Interface(HUB_ABI);
const FORWARDER = new Interface(FORWARDER_ABI);
const DELEGATE = new Interface(DELEGATE_ABI);
const INFERENCE_REQUIRED = HUB.getError("InferenceRequired")?.selector;
/** As the hub has it: a demand above it is refused there, never asked for. */
const HIGHEST_TRUST = 4;

/** The key of a question (docs/protocol.md, section 3). The demand is part of it. */
export function inferenceKey(question: {
  readonly modelHash: Hex32;
  readonly inputHash: Hex32;
  readonly terms: InferTerms;
}): Hex32 {
  const { modelHash, inputHash, terms } = question;
  return inferenceKeyOf({ modelHash, inputHash, ...terms });
}

/** A question with its hashes. */
export function inferenceOf(modelHash: Hex32, input: Uint8Array, terms: InferTerms): Inference {
  const inputHash = keccak256(input);
  return { key: inferenceKey({ modelHash, inputHash, terms }), modelHash, inputHash, input, terms };
}

/** What an enclave signs for a portable result: nobody's request, nobody's context. */
export function portableStatement(
  answer: Omit<PortableAnswer, "signer" | "trust" | "imageId" | "proof">,
): ResultStatement {
  return {
    requestId: ZERO_32,
    modelHash: answer.modelHash,
    inputHash: answer.inputHash,
    outputHash: keccak256(answer.output),
    contextRoot: ZERO_32,
    runtimeProfile: answer.runtimeProfile,
    requester: ZERO_ADDRESS,
    feeWei: answer.feeWei,
    issuedAt: answer.issuedAt,
    expiresAt: answer.expiresAt,
  };
}

/** The 32 bytes under a portable result's signature, given the hub's domain separator. */
export function portableDigest(domain: Hex32, answer: PortableAnswer): Hex32 {
  return typedDigest(domain, hashResult(portableStatement(answer)));
}

/** `PortableResult` of `contracts/interfaces/SyncTypes.sol`, as ethers takes it. */
export function portableTuple({ inference, answer }: FilledInference) {
  return {
    inference: { modelHash: inference.modelHash, inputHash: inference.inputHash, terms: inference.terms },
    runtimeProfile: answer.runtimeProfile,
    feeWei: answer.feeWei,
    issuedAt: answer.issuedAt,
    expiresAt: answer.expiresAt,
    output: bytesToHex(answer.output),
    proof: bytesToHex(answer.proof),
  };
}

/** Calldata of `InferenceHub.provide`. */
export function encodeProvide(results: readonly FilledInference[]): HexBytes {
  return HUB.encodeFunctionData("provide", [results.map(portableTuple)]) as HexBytes;
}

/** Calldata of `InferenceHub.publishFor`: one sponsor for each result; undefined (or zero) where the sender pays. */
export function encodePublishFor(
  results: readonly FilledInference[],
  sponsors: readonly (Address | undefined)[],
): HexBytes {
  const named = results.map((_, i) => sponsors[i] ?? ZERO_ADDRESS);
  return HUB.encodeFunctionData("publishFor", [results.map(portableTuple), named]) as HexBytes;
}

/** Calldata of `BatchDelegate.execute`: calls in order, each with its value. */
export function encodeBundle(
  calls: readonly { readonly target: Address; readonly value: bigint; readonly data: HexBytes }[],
): HexBytes {
  return DELEGATE.encodeFunctionData("execute", [calls]) as HexBytes;
}

/** Calldata of `IntentForwarder.execute`. */
export function encodeExecute(
  intent: IntentFields,
  signature: HexBytes,
  results: readonly FilledInference[],
): HexBytes {
  return FORWARDER.encodeFunctionData("execute", [intent, signature, results.map(portableTuple)]) as HexBytes;
}

/**
 * What a revert with `InferenceRequired` asks for; undefined for any other revert data. Anybody can revert with these bytes: that the key is the one of the
 * question is checked, that the hub said it is not, and can not be.
 */
export function decodeInferenceRequired(data: HexBytes): Inference | undefined {
  if (INFERENCE_REQUIRED === undefined || !data.toLowerCase().startsWith(INFERENCE_REQUIRED)) return undefined;
  try {
    const [key, modelHash, input, terms] = HUB.decodeErrorResult("InferenceRequired", data);
    const minTrust = Number(terms.minTrust);
    if (minTrust > HIGHEST_TRUST) return undefined;
    const demand = { minTrust, profile: hex32(terms.profile), imageId: hex32(terms.imageId) };
    const asked = inferenceOf(hex32(modelHash), hexToBytes(input), demand);
    return asked.key === hex32(key) ? asked : undefined;
  } catch {
    // Bytes that begin like the error and are not one.
    return undefined;
  }
}
