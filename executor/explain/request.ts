import { isAssayError } from "../domain/errors";
import { address, hex32 } from "../domain/ids";
import { bytesToHex, hexToBytes } from "../protocol/bytes";
import { keccak256, requestIdOf } from "../protocol/statement";
import { decodeTensorSet } from "../protocol/tensorSet";
import { decodeTerms, type Terms } from "../protocol/terms";
import type { FoundRequest, Inquiry } from "./context";
import { argsOf, HUB, topicOf } from "./reader";

/**
 * Finds the request and recomputes its id from its bytes: after that the node can not have changed the model, the input, the terms or the reward.
 * Undefined, with a row that says why, where there is nothing to go on with.
 */
export async function explainRequest(inquiry: Inquiry): Promise<FoundRequest | undefined> {
  const { reader, deployment, requestId, domain, head, checks } = inquiry;
  const hub = deployment.contracts.InferenceHub;
  const logs = await reader.logs({
    address: hub.address,
    topics: [topicOf(HUB, "Requested"), requestId],
    fromBlock: hub.block,
    toBlock: head.number,
  });
  const log = logs[0];
  const found = checks.that(
    "request.event",
    log !== undefined,
    log === undefined
      ? "the hub never opened a request with this id"
      : `block ${log.blockNumber}, transaction ${log.transactionHash}`,
  );
  if (!found || log === undefined) return undefined;

  const args = argsOf(HUB, log);
  const input = hexToBytes(String(args.input));
  const termsBytes = hexToBytes(String(args.terms));
  const request = {
    requester: address(args.requester),
    salt: hex32(args.salt),
    modelHash: hex32(args.modelHash),
    inputHash: keccak256(input),
    rewardWei: args.rewardWei as bigint,
  };
  const id = requestIdOf(domain, { ...request, terms: termsBytes });
  if (!checks.same("request.id", { expected: requestId, actual: id })) return undefined;

  const block = await reader.block(log.blockNumber);
  checks.same("request.block", { expected: block.hash, actual: log.blockHash });
  const terms = termsOf(termsBytes);
  if (
    !checks.that("request.terms", typeof terms !== "string", typeof terms === "string" ? terms : describeTerms(terms))
  )
    return undefined;
  // A malformed input is allowed on the chain and ends by a refusal, so this row informs and does not judge.
  checks.that("request.input", true, `${input.length} bytes, ${request.inputHash}, ${canonical(input)}`);
  return { ...request, input, termsBytes, terms: terms as Terms, requestedAt: block.timestamp, log };
}

function termsOf(bytes: Uint8Array): Terms | string {
  try {
    return decodeTerms(bytes);
  } catch (error) {
    if (isAssayError(error)) return `${error.code} (${bytesToHex(bytes)})`;
    throw error;
  }
}

function describeTerms(terms: Terms): string {
  const wanted = [
    `deadline ${terms.deadline}`,
    `trust at least ${terms.minTrust}`,
    `callback gas ${terms.callbackGas}`,
  ];
  if (terms.assignedOperator !== 0) wanted.push(`operator ${terms.assignedOperator} only`);
  return wanted.join(", ");
}

/** Whether these bytes are a canonical tensor set, in words. */
export function canonical(bytes: Uint8Array): string {
  try {
    const set = decodeTensorSet(bytes);
    return `tensors ${set.map(({ name, tensor }) => `${name}[${tensor.dims.join("x")}]`).join(", ") || "none"}`;
  } catch (error) {
    if (isAssayError(error)) return `no canonical tensor set (${error.code})`;
    throw error;
  }
}
