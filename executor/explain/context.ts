import type { DeploymentRecord } from "../deployment/record";
import type { Address, Hex32 } from "../domain/ids";
import type { Terms } from "../protocol/terms";
import type { Checks } from "./checks";
import type { Block, ChainReader, Log } from "./reader";

/** What every part of one explanation shares. */
export interface Inquiry {
  readonly reader: ChainReader;
  readonly deployment: DeploymentRecord;
  readonly requestId: Hex32;
  /** EIP-712 domain separator of the hub. */
  readonly domain: Hex32;
  /** The newest block when the inquiry began; nothing later is looked at, so that all rows speak of one chain. */
  readonly head: Block;
  readonly checks: Checks;
}

/** The request as its event tells it. */
export interface FoundRequest {
  readonly requester: Address;
  readonly salt: Hex32;
  readonly modelHash: Hex32;
  readonly inputHash: Hex32;
  readonly input: Uint8Array;
  readonly terms: Terms;
  readonly termsBytes: Uint8Array;
  readonly rewardWei: bigint;
  /** Seconds of block time. */
  readonly requestedAt: number;
  readonly log: Log;
}
