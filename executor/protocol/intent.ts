import { AbiCoder, TypedDataEncoder } from "ethers";
import { type Address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import type { IntentFields } from "../domain/pipe";
import { domainSeparator, typedDigest } from "./statement";

/** EIP-712 type of what a user signs (`contracts/interfaces/IIntentForwarder.sol`), in the form that wallets take. */
export const INTENT_TYPES = {
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

/** Where an intent is good: one forwarder on one chain. */
export interface IntentPlace {
  readonly chainId: bigint;
  readonly forwarder: Address;
}

/** The EIP-712 domain in the form that wallets take. */
export function intentDomain(place: IntentPlace) {
  return { name: "AssayIntentForwarder", version: "1", chainId: place.chainId, verifyingContract: place.forwarder };
}

/** The digest that a user signs and by which the engine knows an intent; the same as `digestOf` on the chain. */
export function intentDigest(place: IntentPlace, intent: IntentFields): Hex32 {
  const { chainId, forwarder } = place;
  const domain = domainSeparator({ name: "AssayIntentForwarder", chainId, contract: forwarder });
  return typedDigest(domain, hex32(TypedDataEncoder.hashStruct("Intent", INTENT_TYPES, { ...intent })));
}

const INTENT_TUPLE = `tuple(${INTENT_TYPES.Intent.map(({ type, name }) => `${type} ${name}`).join(", ")})`;

/** `abi.encode(Intent, signature)`: how a signed intent is kept. */
export function encodeSignedIntent(intent: IntentFields, signature: HexBytes): HexBytes {
  return AbiCoder.defaultAbiCoder().encode([INTENT_TUPLE, "bytes"], [intent, signature]) as HexBytes;
}

/** What `encodeSignedIntent` made; bytes of any other origin may throw ethers' own errors. */
export function decodeSignedIntent(payload: HexBytes): { readonly intent: IntentFields; readonly signature: HexBytes } {
  const [tuple, signature] = AbiCoder.defaultAbiCoder().decode([INTENT_TUPLE, "bytes"], payload);
  const lower = (value: unknown): Address => String(value).toLowerCase() as Address;
  return {
    intent: {
      from: lower(tuple.from),
      target: lower(tuple.target),
      value: tuple.value,
      data: tuple.data,
      nonce: tuple.nonce,
      deadline: tuple.deadline,
      maxResultFeeWei: tuple.maxResultFeeWei,
      relayFeeWei: tuple.relayFeeWei,
      maxFailureFeeWei: tuple.maxFailureFeeWei,
      gas: Number(tuple.gas),
      relayer: lower(tuple.relayer),
    },
    signature,
  };
}
