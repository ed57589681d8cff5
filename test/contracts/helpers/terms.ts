import { concat, toBeHex, ZeroAddress, ZeroHash } from "ethers";

/** Terms of version 1 as fields; what is left out is zero, and `deadline` has no default because time is the chain's. */
export interface TermsInput {
  readonly deadline: bigint;
  readonly version?: number;
  readonly retryUntil?: bigint;
  readonly callbackGas?: number;
  readonly minTrust?: number;
  readonly proofKind?: number;
  readonly inputKind?: number;
  readonly assignedOperator?: number;
  readonly refusalFeeWei?: bigint;
  readonly flags?: number;
  readonly profile?: string;
  readonly imageId?: string;
  readonly contextRoot?: string;
  readonly refundTo?: string;
}

/**
 * Packs terms after docs/protocol.md section 2, written apart from the Solidity and the executor's encoder so that the
 * three can disagree. Flags follow from the parts unless given, which is how malformed terms are made.
 */
export function encodeTerms(t: TermsInput): string {
  const parts = [t.profile, t.imageId, t.contextRoot, t.refundTo];
  const flags = t.flags ?? parts.reduce((bits, part, i) => (part === undefined ? bits : bits | (1 << i)), 0);
  return concat([
    toBeHex(t.version ?? 1, 1),
    toBeHex(t.deadline, 5),
    toBeHex(t.retryUntil ?? 0n, 5),
    toBeHex(t.callbackGas ?? 0, 4),
    toBeHex(t.minTrust ?? 1, 1),
    toBeHex(t.proofKind ?? 0, 1),
    toBeHex(t.inputKind ?? 0, 1),
    toBeHex(t.assignedOperator ?? 0, 4),
    toBeHex(t.refusalFeeWei ?? 0n, 9),
    toBeHex(flags, 1),
    ...parts.filter((part): part is string => part !== undefined),
  ]);
}

/** The fields as the Solidity encoder takes them. */
export function termsFields(t: TermsInput) {
  return {
    deadline: t.deadline,
    retryUntil: t.retryUntil ?? 0n,
    callbackGas: t.callbackGas ?? 0,
    minTrust: t.minTrust ?? 1,
    assignedOperator: t.assignedOperator ?? 0,
    refusalFeeWei: t.refusalFeeWei ?? 0n,
    profile: t.profile ?? ZeroHash,
    imageId: t.imageId ?? ZeroHash,
    contextRoot: t.contextRoot ?? ZeroHash,
    refundTo: t.refundTo ?? ZeroAddress,
  };
}
