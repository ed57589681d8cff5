import { Interface } from "ethers";

const REQUEST =
  "tuple(address requester, bytes32 salt, bytes32 modelHash, bytes32 inputHash, bytes terms, uint96 rewardWei)";
const BOUND = `tuple(${REQUEST} request, bytes32 runtimeProfile, uint64 issuedAt, uint64 expiresAt)`;

/** The calls that posting makes, as docs/protocol.md has them. */
export const HUB = new Interface([
  `function fulfill(${BOUND} statement, bytes output, bytes proof)`,
  `function fulfillBatch(tuple(${BOUND} statement, bytes output, bytes proof)[] items) returns (uint8[] codes)`,
  `function refuse(${REQUEST} request, uint16 reason, uint64 issuedAt, uint64 expiresAt, bytes proof)`,
  "event ItemRejected(bytes32 indexed requestId, uint256 index, uint8 code)",
]);

/** Codes of an item (docs/protocol.md, section 5). */
export const CODE = {
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
  HEARTBEAT_OVERDUE: 35,
  IMAGE_NOT_ACTIVE: 39,
} as const;
/** Codes from here on say that the registry does not vouch for the key. */
export const FIRST_REGISTRY_CODE = 32;
