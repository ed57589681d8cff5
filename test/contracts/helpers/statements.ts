import {
  AbiCoder,
  id,
  keccak256,
  type SigningKey,
  type TypedDataDomain,
  TypedDataEncoder,
  type TypedDataField,
  ZeroAddress,
  ZeroHash,
} from "ethers";

type Types = Record<string, TypedDataField[]>;

const fields = (list: string): TypedDataField[] =>
  list.split(",").map((entry) => {
    const [type = "", name = ""] = entry.split(" ");
    return { type, name };
  });

export const RESULT: Types = {
  ResultStatement: fields(
    "bytes32 requestId,bytes32 modelHash,bytes32 inputHash,bytes32 outputHash,bytes32 contextRoot,bytes32 runtimeProfile,address requester,uint96 feeWei,uint64 issuedAt,uint64 expiresAt",
  ),
};
export const REFUSAL: Types = { Refusal: fields("bytes32 requestId,uint16 reason,uint64 issuedAt,uint64 expiresAt") };
export const ADMISSION: Types = {
  Admission: fields("bytes32 modelHash,bytes32 signatureHash,uint64 issuedAt,uint64 expiresAt"),
};
export const HEARTBEAT: Types = {
  Heartbeat: fields("address signer,uint64 counter,uint64 blockNumber,bytes32 blockHash"),
};
export const CONSENT: Types = {
  RegistrationConsent: fields("bytes32 payloadHash,address operator,uint64 deadline"),
};

export interface RequestData {
  readonly requester: string;
  readonly salt: string;
  readonly modelHash: string;
  readonly inputHash: string;
  readonly terms: string;
  readonly rewardWei: bigint;
}

export interface Statement {
  readonly requestId: string;
  readonly modelHash: string;
  readonly inputHash: string;
  readonly outputHash: string;
  readonly contextRoot: string;
  readonly runtimeProfile: string;
  readonly requester: string;
  readonly feeWei: bigint;
  readonly issuedAt: bigint;
  readonly expiresAt: bigint;
}

/** The hub's EIP-712 domain. */
export function hubDomain(chainId: bigint, hub: string): TypedDataDomain {
  return { name: "Assay", version: "1", chainId, verifyingContract: hub };
}

/** The registry's EIP-712 domain. */
export function registryDomain(chainId: bigint, registry: string): TypedDataDomain {
  return { name: "AssayRegistry", version: "1", chainId, verifyingContract: registry };
}

/** The id of a request, docs/protocol.md section 3. */
export function requestIdOf(domain: TypedDataDomain, q: RequestData): string {
  return keccak256(
    AbiCoder.defaultAbiCoder().encode(
      ["bytes32", "bytes32", "address", "bytes32", "bytes32", "bytes32", "bytes32", "uint256"],
      [
        id("assay/request/1"),
        TypedDataEncoder.hashDomain(domain),
        q.requester,
        q.salt,
        q.modelHash,
        q.inputHash,
        keccak256(q.terms),
        q.rewardWei,
      ],
    ),
  );
}

/** A portable statement unless fields say otherwise. */
export function statement(
  s: Partial<Statement> & Pick<Statement, "modelHash" | "inputHash" | "outputHash" | "issuedAt" | "expiresAt">,
): Statement {
  return {
    requestId: ZeroHash,
    contextRoot: ZeroHash,
    runtimeProfile: id("profile"),
    requester: ZeroAddress,
    feeWei: 0n,
    ...s,
  };
}

/** 64 bytes, EIP-2098, of any EIP-712 struct; ethers signs deterministically (RFC 6979) and with low s. */
export function sign(key: SigningKey, domain: TypedDataDomain, types: Types, value: object): string {
  return key.sign(TypedDataEncoder.hash(domain, types, { ...value })).compactSerialized;
}

/** EIP-712 hashStruct. */
export function structHash(types: Types, value: object): string {
  return TypedDataEncoder.from(types).hash({ ...value });
}

/** What the hub keeps of a result. */
export function commitmentOf(statementHash: string, signer: string, requestedAt: bigint): bigint {
  const hash = keccak256(
    AbiCoder.defaultAbiCoder().encode(["bytes32", "address", "uint64"], [statementHash, signer, requestedAt]),
  );
  return BigInt(hash) & ((1n << 208n) - 1n);
}
