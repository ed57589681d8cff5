import { AbiCoder, Interface } from "ethers";
import type { Ending } from "../domain/chain";
import { AssayError, isAssayError } from "../domain/errors";
import { type Address, address, type Hex32, hex32 } from "../domain/ids";
import type { InferenceRequest } from "../domain/request";
import { hexToBytes } from "../protocol/bytes";
import { requestIdOf } from "../protocol/statement";
import { decodeTerms } from "../protocol/terms";
import type { ChainLog } from "./ports";

const HUB_EVENTS = new Interface([
  "event Requested(bytes32 indexed requestId, address indexed requester, bytes32 indexed modelHash, bytes32 salt, uint96 rewardWei, bytes terms, bytes input)",
  "event Fulfilled(bytes32 indexed requestId, address indexed signer, bytes32 statementHash)",
  "event CallbackFailed(bytes32 indexed requestId, bytes4 reason)",
  "event Refused(bytes32 indexed requestId, address indexed signer, uint16 reason)",
  "event Refunded(bytes32 indexed requestId, address indexed refundTo, uint256 amountWei)",
]);

const topicOf = (name: string): Hex32 => hex32(HUB_EVENTS.getEvent(name)?.topicHash);

const TOPIC = {
  requested: topicOf("Requested"),
  fulfilled: topicOf("Fulfilled"),
  callbackFailed: topicOf("CallbackFailed"),
  refused: topicOf("Refused"),
  refunded: topicOf("Refunded"),
} as const;

/** What the follower asks nodes for, and looks for in a block's bloom filter. */
export const FOLLOWED_TOPICS: readonly Hex32[] = Object.values(TOPIC);

export interface HubIdentity {
  readonly chainId: bigint;
  readonly hub: Address;
  /** EIP-712 domain separator of the hub. */
  readonly domain: Hex32;
  /** keccak256; given from outside because a large input wants a faster one than the protocol's. */
  readonly keccak256: (bytes: Uint8Array) => Hex32;
}

export interface Decoded {
  readonly requests: InferenceRequest[];
  readonly endings: Ending[];
  /** Logs that say what no contract of ours would; reported, never acted on. */
  readonly rejected: { readonly log: ChainLog; readonly code: string }[];
}

/**
 * Turns the hub's logs into requests and endings. A request is taken only if its id follows from its bytes,
 * so a node that changes a model, an input or a reward in passing is found out here.
 */
export function decodeLogs(args: {
  logs: readonly ChainLog[];
  timestampOf: (blockHash: Hex32) => number;
  identity: HubIdentity;
}): Decoded {
  const out: Decoded = { requests: [], endings: [], rejected: [] };
  const failedCallbacks = new Set(
    args.logs.filter((log) => log.topics[0] === TOPIC.callbackFailed).map((log) => log.topics[1]),
  );
  for (const log of args.logs) {
    if (log.address !== args.identity.hub) {
      out.rejected.push({ log, code: "INTAKE_FOREIGN_LOG" });
      continue;
    }
    try {
      const topic = log.topics[0];
      if (topic === TOPIC.requested) out.requests.push(requestOf(log, args.timestampOf(log.blockHash), args.identity));
      else if (topic === TOPIC.fulfilled)
        out.endings.push({ ...endingOf(log, "fulfilled"), callbackFailed: failedCallbacks.has(log.topics[1]) });
      else if (topic === TOPIC.refused) out.endings.push(endingOf(log, "refused"));
      else if (topic === TOPIC.refunded) out.endings.push(endingOf(log, "refunded"));
    } catch (error) {
      out.rejected.push({ log, code: isAssayError(error) ? error.code : "INTAKE_LOG_MALFORMED" });
    }
  }
  return out;
}

function requestOf(log: ChainLog, timestamp: number, identity: HubIdentity): InferenceRequest {
  const [salt, rewardWei, termsHex, inputHex] = AbiCoder.defaultAbiCoder().decode(
    ["bytes32", "uint96", "bytes", "bytes"],
    log.data,
  ) as unknown as [string, bigint, string, string];
  const requestId = hex32(log.topics[1]);
  const requester = address(`0x${String(log.topics[2]).slice(26)}`);
  const modelHash = hex32(log.topics[3]);
  const termsBytes = hexToBytes(termsHex);
  const input = hexToBytes(inputHex);
  const inputHash = identity.keccak256(input);
  const preimage = { requester, salt: hex32(salt), modelHash, inputHash, terms: termsBytes, rewardWei };
  if (requestIdOf(identity.domain, preimage) !== requestId) {
    throw new AssayError({
      code: "INTAKE_ID_MISMATCH",
      message: "a request's id does not follow from its bytes",
      context: { requestId },
    });
  }
  return {
    key: { source: "chain", chainId: identity.chainId, contract: identity.hub, externalId: requestId },
    requestId,
    requester,
    salt: preimage.salt,
    modelHash,
    inputHash,
    rewardWei,
    terms: decodeTerms(termsBytes),
    termsBytes,
    input,
    requestedAt: timestamp,
    block: { number: log.blockNumber, hash: log.blockHash },
    transactionHash: log.transactionHash,
  };
}

function endingOf(log: ChainLog, kind: Ending["kind"]): Ending {
  return {
    requestId: hex32(log.topics[1]),
    kind,
    block: { number: log.blockNumber, hash: log.blockHash },
    transactionHash: log.transactionHash,
    signer: kind === "refunded" ? undefined : address(`0x${String(log.topics[2]).slice(26)}`),
    callbackFailed: false,
  };
}
