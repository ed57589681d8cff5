import type { AssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import type { Enclave } from "../enclave/ports";
import type { RegistryClient } from "./registryClient";

/** The block whose time is "now". */
export interface ChainNow {
  readonly number: number;
  readonly hash: Hex32;
  readonly parentHash: Hex32;
  readonly timestamp: number;
}

/** An enclave the chain knows. */
export interface FleetMember {
  readonly enclave: Enclave;
  readonly operatorId: number;
  readonly trust: number;
  /** Seconds of block time at which it was registered. */
  readonly bornAt: number;
  /** Seconds of block time. */
  epochEnd: number;
  heartbeatDue: number;
  counter: bigint;
  /** The last counter that the enclave was asked to sign: it signs none twice, whatever became of the first. */
  signed: bigint;
  /** It finishes what it has and is given nothing new. */
  draining: boolean;
  /** The chain knows that it drains. */
  drainShown: boolean;
  /** Seconds of block time at which the chain was last asked whether somebody else drained or closed it. */
  seenAt: number;
}

export type FleetEvent =
  | {
      readonly kind: "started" | "registered" | "rotated" | "renewed" | "heartbeat" | "draining" | "left";
      readonly member: FleetMember | undefined;
      readonly slot: number;
    }
  | { readonly kind: "exited"; readonly slot: number; readonly reason: string }
  | { readonly kind: "failed"; readonly slot: number; readonly error: AssayError };

export interface FleetOptions {
  readonly size: number;
  readonly endpoint: string;
  /** Starts one enclave; each start is a new key. */
  readonly start: () => Promise<Enclave>;
  readonly registry: RegistryClient;
  readonly now: () => Promise<ChainNow>;
  /** Waits until the chain shows the effect or the signal ends; the chain follower wakes it. */
  readonly untilBlock: (done: () => Promise<boolean>) => Promise<void>;
  readonly heartbeatSeconds: number;
  readonly epochSeconds: number;
  /** Seconds of block time before the end of an epoch at which it is renewed; at most half an epoch, or it would be renewed at every block. */
  readonly epochMarginSeconds: number;
  /** The same for a heartbeat and its interval. */
  readonly heartbeatMarginSeconds: number;
  /** Seconds of block time after which a key is rotated; 0: never for its age. */
  readonly maxKeyAgeSeconds: number;
  readonly onEvent: (event: FleetEvent) => void;
}
