import { Interface } from "ethers";
import type { HexBytes } from "../domain/ids";

const REQUEST = "(address requester, bytes32 salt, bytes32 modelHash, bytes32 inputHash, bytes terms, uint96 rewardWei)";
const BOUND = `(${REQUEST} request, bytes32 runtimeProfile, uint64 issuedAt, uint64 expiresAt)`;

/** What the executor reads and sends of `IInferenceHub` (docs/protocol.md, section 5); a test compares it with the compiled contract. */
export const HUB_ABI = [
  "function request(bytes32 modelHash, bytes input, bytes terms, bytes32 salt) payable returns (bytes32 requestId)",
  `function fulfill(${BOUND} statement, bytes output, bytes proof)`,
  `function fulfillBatch((${BOUND} statement, bytes output, bytes proof)[] items) returns (uint8[] codes)`,
  `function refuse(${REQUEST} request, uint16 reason, uint64 issuedAt, uint64 expiresAt, bytes proof)`,
  `function retryCallback(${BOUND} statement, bytes output, address signer, uint64 requestedAt)`,
  `function refund(${REQUEST} request)`,
  "function statusOf(bytes32 requestId) view returns (uint8 status, uint40 at, uint208 commitment)",
  "function domainSeparator() view returns (bytes32)",
  "function registry() view returns (address)",
  "event Requested(bytes32 indexed requestId, address indexed requester, bytes32 indexed modelHash, bytes32 salt, uint96 rewardWei, bytes terms, bytes input)",
  "event Fulfilled(bytes32 indexed requestId, address indexed signer, bytes32 statementHash)",
  "event CallbackFailed(bytes32 indexed requestId, bytes4 reason)",
  "event CallbackRetried(bytes32 indexed requestId)",
  "event Refused(bytes32 indexed requestId, address indexed signer, uint16 reason)",
  "event Refunded(bytes32 indexed requestId, address indexed refundTo, uint256 amountWei)",
  "event ItemRejected(bytes32 indexed requestId, uint256 index, uint8 code)",
  "error HubRequestNotOpen(bytes32 requestId, uint8 status)",
  "error HubDeadlinePassed(bytes32 requestId, uint256 deadline, uint256 timestamp)",
  "error HubWrongOperator(bytes32 requestId, uint32 assigned, uint32 actual)",
  "error HubProfileMismatch(bytes32 requestId, bytes32 expected, bytes32 actual)",
  "error HubIssuedInFuture(bytes32 requestId, uint256 issuedAt, uint256 timestamp)",
  "error HubStatementExpired(bytes32 requestId, uint256 expiresAt, uint256 timestamp)",
  "error HubLifetimeTooLong(bytes32 requestId, uint256 issuedAt, uint256 expiresAt)",
  "error HubBadProof(bytes32 requestId)",
  "error HubSignerNotUsable(bytes32 requestId, address signer, uint8 code)",
  "error HubCallerNotAllowed(bytes32 requestId, address caller)",
  "error HubGasTooLow(bytes32 requestId, uint256 callbackGas)",
] as const;

export const HUB_INTERFACE = new Interface(HUB_ABI);

function topicOf(event: string): HexBytes {
  const fragment = HUB_INTERFACE.getEvent(event);
  if (fragment === null) throw new Error(`the hub has no event ${event}`);
  return fragment.topicHash as HexBytes;
}

/** First topics of the events that move a job. */
export const TOPIC = {
  requested: topicOf("Requested"),
  fulfilled: topicOf("Fulfilled"),
  callbackFailed: topicOf("CallbackFailed"),
  callbackRetried: topicOf("CallbackRetried"),
  refused: topicOf("Refused"),
  refunded: topicOf("Refunded"),
  itemRejected: topicOf("ItemRejected"),
} as const;

/** Why an item did not land, as numbered on the chain (`contracts/libraries/Codes.sol`). */
export const HUB_CODE = {
  OK: 0,
  NOT_OPEN: 1,
  DEADLINE_PASSED: 2,
  WRONG_OPERATOR: 3,
  PROFILE_MISMATCH: 4,
  ISSUED_IN_FUTURE: 5,
  STATEMENT_EXPIRED: 6,
  LIFETIME_TOO_LONG: 7,
  BAD_PROOF: 8,
  CALLER_NOT_ALLOWED: 9,
  GAS_TOO_LOW: 10,
  PROOF_KIND_UNSUPPORTED: 11,
  SIGNER_UNKNOWN: 32,
  SIGNER_CLOSED: 33,
  EPOCH_ENDED: 34,
  HEARTBEAT_OVERDUE: 35,
  IMAGE_REVOKED: 36,
  TRUST_TOO_LOW: 37,
  IMAGE_MISMATCH: 38,
  IMAGE_NOT_ACTIVE: 39,
} as const;
export type HubCodeName = keyof typeof HUB_CODE;

const NAME_OF_CODE = new Map<number, HubCodeName>(Object.entries(HUB_CODE).map(([name, code]) => [code, name as HubCodeName]));

/** The name of a code, or undefined for a number that this version does not know. */
export function hubCodeName(code: number): HubCodeName | undefined {
  return NAME_OF_CODE.get(code);
}

const CODE_OF_ERROR: Readonly<Record<string, HubCodeName>> = {
  HubRequestNotOpen: "NOT_OPEN",
  HubDeadlinePassed: "DEADLINE_PASSED",
  HubWrongOperator: "WRONG_OPERATOR",
  HubProfileMismatch: "PROFILE_MISMATCH",
  HubIssuedInFuture: "ISSUED_IN_FUTURE",
  HubStatementExpired: "STATEMENT_EXPIRED",
  HubLifetimeTooLong: "LIFETIME_TOO_LONG",
  HubBadProof: "BAD_PROOF",
  HubCallerNotAllowed: "CALLER_NOT_ALLOWED",
  HubGasTooLow: "GAS_TOO_LOW",
};

/**
 * The code behind the data of a revert, by its selector; undefined where the data is none of the hub's errors
 * (out of gas has no data at all).
 */
export function hubCodeOfRevert(data: string | undefined): HubCodeName | undefined {
  if (data === undefined || data.length < 10) return undefined;
  const fragment = HUB_INTERFACE.getError(data.slice(0, 10));
  if (fragment === null) return undefined;
  if (fragment.name === "HubSignerNotUsable") {
    try {
      return hubCodeName(Number(HUB_INTERFACE.decodeErrorResult(fragment, data)[2]));
    } catch {
      // The selector with data that does not decode is not the hub's error.
      return undefined;
    }
  }
  return CODE_OF_ERROR[fragment.name];
}
