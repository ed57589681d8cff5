import { type Signer, type TypedDataDomain, ZeroAddress } from "ethers";
import type { With, World } from "./world";

export type Forwarder = With<
  "execute" | "cancel" | "depositFor" | "withdraw" | "balanceOf" | "isNonceUsed" | "digestOf" | "hub"
>;

export const INTENT = {
  Intent: [
    { name: "from", type: "address" },
    { name: "target", type: "address" },
    { name: "value", type: "uint256" },
    { name: "data", type: "bytes" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint64" },
    { name: "maxResultFeeWei", type: "uint96" },
    { name: "relayFeeWei", type: "uint96" },
    { name: "maxFailureFeeWei", type: "uint96" },
    { name: "gas", type: "uint32" },
    { name: "relayer", type: "address" },
  ],
};

export interface Intent {
  readonly from: string;
  readonly target: string;
  readonly value: bigint;
  readonly data: string;
  readonly nonce: bigint;
  readonly deadline: bigint;
  readonly maxResultFeeWei: bigint;
  readonly relayFeeWei: bigint;
  readonly maxFailureFeeWei: bigint;
  readonly gas: bigint;
  readonly relayer: string;
}

/** The EIP-712 domain of a forwarder. */
export function forwarderDomain(world: Pick<World, "chainId">, forwarder: string): TypedDataDomain {
  return { name: "AssayIntentForwarder", version: "1", chainId: world.chainId, verifyingContract: forwarder };
}

/** An intent without value and fees unless fields say otherwise. */
export function intentOf(o: Partial<Intent> & Pick<Intent, "from" | "target" | "data" | "deadline">): Intent {
  return {
    value: 0n,
    nonce: 0n,
    maxResultFeeWei: 0n,
    relayFeeWei: 0n,
    maxFailureFeeWei: 0n,
    gas: 200_000n,
    relayer: ZeroAddress,
    ...o,
  };
}

/** What the user's wallet answers. */
export const signIntent = (user: Signer, domain: TypedDataDomain, intent: Intent): Promise<string> =>
  user.signTypedData(domain, INTENT, intent);
