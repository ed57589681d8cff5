import { address, type Hex32, hex32, ZERO_32 } from "../../../executor/domain/ids";
import type { EnclaveFacts } from "../../../executor/matching/memoryDirectory";
import type { EnclaveCandidate, MatchContext, MatchRequest } from "../../../executor/matching/ports";

export const word = (n: number): Hex32 => hex32(`0x${n.toString(16).padStart(64, "0")}`);
export const account = (n: number) => address(`0x${n.toString(16).padStart(40, "0")}`);
export const NOW = 1_800_000_000;
export const MIB = 2 ** 20;

export function request(fields: Partial<MatchRequest> = {}): MatchRequest {
  return {
    requestId: word(1),
    requester: account(9),
    modelHash: word(0xe0),
    inputHash: word(0xd0),
    inputBytes: 96,
    rewardWei: 10n ** 15n,
    deadline: NOW + 60,
    minTrust: 1,
    profile: ZERO_32,
    imageId: ZERO_32,
    contextRoot: ZERO_32,
    assignedOperator: 0,
    proofKind: 0,
    inputKind: 0,
    callbackGas: 0,
    ...fields,
  };
}

/** An enclave that meets every demand of `request()`. */
export function candidate(fields: Partial<EnclaveCandidate> = {}): EnclaveCandidate {
  return {
    enclaveId: account(1),
    operatorId: 1,
    trustLevel: 3,
    imageId: word(0xa0),
    runtimeProfile: word(0xb0),
    proofKinds: [0],
    inputKinds: [0],
    servesContext: false,
    draining: false,
    epochEndsAt: NOW + 3_600,
    heartbeatDueAt: NOW + 3_600,
    model: "warm",
    memoryNeededBytes: 0,
    memoryFreeBytes: 100 * MIB,
    evicts: false,
    outstanding: 0,
    maxOutstanding: 4,
    waitMs: 0,
    loadMs: 0,
    runMs: 20,
    runDeviationMs: 5,
    successRate: 1,
    ...fields,
  };
}

export function context(fields: Partial<MatchContext> = {}): MatchContext {
  return {
    chainNow: NOW,
    hostNowMs: 1_000_000,
    postingMarginSeconds: 10,
    epochMarginSeconds: 60,
    minRewardWei: 0n,
    gasPriceWei: 10n ** 9n,
    fulfilmentGas: 60_000,
    allowLoss: false,
    ...fields,
  };
}

export function facts(fields: Partial<EnclaveFacts> = {}): EnclaveFacts {
  const { enclaveId, operatorId, trustLevel, imageId, runtimeProfile, epochEndsAt, heartbeatDueAt, draining } =
    candidate();
  return {
    enclaveId,
    operatorId,
    trustLevel,
    imageId,
    runtimeProfile,
    epochEndsAt,
    heartbeatDueAt,
    draining,
    runners: 2,
    maxOutstanding: 8,
    memoryBudgetBytes: 512 * MIB,
    warmModels: [],
    ...fields,
  };
}
