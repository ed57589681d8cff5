import { Interface } from "ethers";
import type { HexBytes } from "../domain/ids";
import { CODE } from "./hubAbi";

/** The hub's errors that stand for a code of an item, with the code; `HubSignerNotUsable` carries its own. */
const ERRORS: readonly (readonly [string, number])[] = [
  ["error HubRequestNotOpen(bytes32 requestId, uint8 status)", CODE.NOT_OPEN],
  ["error HubDeadlinePassed(bytes32 requestId, uint256 deadline, uint256 timestamp)", CODE.DEADLINE_PASSED],
  ["error HubWrongOperator(bytes32 requestId, uint32 assigned, uint32 actual)", 3],
  ["error HubProfileMismatch(bytes32 requestId, bytes32 expected, bytes32 actual)", 4],
  ["error HubIssuedInFuture(bytes32 requestId, uint256 issuedAt, uint256 timestamp)", CODE.ISSUED_IN_FUTURE],
  ["error HubStatementExpired(bytes32 requestId, uint256 expiresAt, uint256 timestamp)", CODE.STATEMENT_EXPIRED],
  ["error HubLifetimeTooLong(bytes32 requestId, uint256 issuedAt, uint256 expiresAt)", 7],
  ["error HubBadProof(bytes32 requestId)", 8],
  ["error HubCallerNotAllowed(bytes32 requestId, address caller)", CODE.CALLER_NOT_ALLOWED],
  ["error HubGasTooLow(bytes32 requestId, uint256 callbackGas)", CODE.GAS_TOO_LOW],
];

const SIGNER_NOT_USABLE = "error HubSignerNotUsable(bytes32 requestId, address signer, uint8 code)";
const KNOWN = new Interface([...ERRORS.map(([fragment]) => fragment), SIGNER_NOT_USABLE]);
const CODE_OF = new Map(ERRORS.map(([fragment, code]) => [/error (\w+)/.exec(fragment)?.[1], code]));

/** The code that a revert of `fulfill` or `refuse` stands for; undefined for anything the hub does not say. Selectors decide, never texts. */
export function codeOfRevert(data: HexBytes | undefined): number | undefined {
  if (data === undefined || data.length < 10) return undefined;
  const error = KNOWN.parseError(data);
  if (error === null) return undefined;
  return error.name === "HubSignerNotUsable" ? Number(error.args.code) : CODE_OF.get(error.name);
}
