import { AbiCoder, dataSlice, hexlify, id, keccak256, toBeHex, zeroPadValue } from "ethers";
import { type Address, address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import type { FilledInference } from "../domain/inference";
import { RECORDER_CODE, SENDER_CODE } from "../protocol/generated/pipeCode";
import type { Override, Overrides } from "./ports";

/** Where the recorder finds the hub's own code (contracts/pipe/PipeRecorder.sol, `HUB_CODE`). */
export const HUB_CODE_ADDRESS = address(dataSlice(id("assay/pipe/hub-code"), 12));
/** Namespace of published results (contracts/libraries/ResultStore.sol). */
const PUBLISHED = id("assay/published/1");
/** Namespace of placeholders (contracts/pipe/PipeRecorder.sol). */
const PLACEHOLDER = id("assay/pipe/placeholder");

const coder = AbiCoder.defaultAbiCoder();
type Slots = Record<Hex32, Hex32>;

/** Where the published result of a key lies. */
function publishedAt(key: Hex32): bigint {
  return BigInt(keccak256(`${key}${PUBLISHED.slice(2)}`));
}

/** The storage that `hub.publish` would have written for these results. */
export function publishedSlots(results: readonly FilledInference[]): Slots {
  const slots: Slots = {};
  for (const { inference, answer } of results) {
    const head = (BigInt(answer.signer) << 96n) | (BigInt(answer.expiresAt) << 56n) | BigInt(answer.output.length);
    writeWords(slots, publishedAt(inference.key), head, answer.output);
  }
  return slots;
}

function writeWords(slots: Slots, at: bigint, head: bigint, bytes: Uint8Array): void {
  slots[word(at)] = word(head);
  for (let offset = 0; offset < bytes.length; offset += 32) {
    const chunk = new Uint8Array(32);
    chunk.set(bytes.subarray(offset, offset + 32));
    slots[word(at + BigInt(offset / 32 + 1))] = hex32(hexlify(chunk));
  }
}

/** What the recorder answers for models whose answers are not there. */
function placeholderSlots(placeholders: ReadonlyMap<Hex32, Uint8Array>): Slots {
  const slots: Slots = {};
  for (const [modelHash, output] of placeholders) {
    const at = BigInt(keccak256(coder.encode(["bytes32", "bytes32"], [modelHash, PLACEHOLDER])));
    writeWords(slots, at, BigInt(output.length), output);
  }
  return slots;
}

const word = (value: bigint): Hex32 => hex32(zeroPadValue(toBeHex(value & (2n ** 256n - 1n)), 32));

/** The overrides of a simulation: the recorder at the hub's address, and the sender's stand-in at the address of everybody who acts. */
export function simulationOverrides(args: {
  readonly hub: Address;
  readonly hubCode: HexBytes;
  readonly senders: readonly Address[];
  readonly results: readonly FilledInference[];
  readonly placeholders: ReadonlyMap<Hex32, Uint8Array>;
}): Overrides {
  const overrides: Record<Address, Override> = {
    [args.hub]: {
      code: RECORDER_CODE,
      stateDiff: { ...publishedSlots(args.results), ...placeholderSlots(args.placeholders) },
    },
    [HUB_CODE_ADDRESS]: { code: args.hubCode },
  };
  for (const sender of args.senders) overrides[sender] = { code: SENDER_CODE };
  return overrides;
}
