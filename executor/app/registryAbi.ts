import { Interface } from "ethers";

/** The registry's face that the daemon uses, as docs/protocol.md has it. */
export const REGISTRY = new Interface([
  "function register(tuple(uint8 verifierIndex, bytes document, bytes aux, string endpoint, bytes keyConfig, uint64 consentDeadline, bytes consent) r) returns (address signer, uint32 operatorId)",
  "function renew(tuple(uint8 verifierIndex, bytes document, bytes aux, string endpoint, bytes keyConfig, uint64 consentDeadline, bytes consent) r) returns (address signer)",
  "function heartbeat(address signer, uint64 counter, uint64 blockNumber, bytes signature)",
  "function close(address signer)",
  "function check(address signer, uint8 minTrust, bytes32 imageId) view returns (uint8 code, uint32 operatorId, uint8 trust, uint32 image)",
  "function lifeOf(address signer) view returns (uint8 state, uint40 validFrom, uint40 epochEnd, uint40 heartbeatDue, uint64 counter)",
  "function setPoster(uint32 operatorId, address poster, bool allowed)",
  "function mayActFor(uint32 operatorId, address account) view returns (bool)",
  "function imageOf(bytes32 imageId) view returns (uint32 index, uint40 activeFrom, uint40 revokedAt, uint40 compromisedSince)",
]);

export const MODEL_REGISTRY = new Interface([
  "function admit(bytes32 modelHash, bytes tensorSignature, uint64 issuedAt, uint64 expiresAt, bytes proof)",
  "function signatureHashOf(bytes32 modelHash) view returns (bytes32)",
]);
