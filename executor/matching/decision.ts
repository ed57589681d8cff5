import { z } from "zod";
import { AssayError } from "../domain/errors";
import { address, hex32 } from "../domain/ids";
import { type MatchOutcome, match } from "./match";
import type { EnclaveCandidate, MatchContext, MatchRequest } from "./ports";

/** Everything a decision was taken from, and what it was. `version` changes whenever `match` may answer differently. */
export interface DecisionRecord {
  readonly version: 1;
  readonly request: MatchRequest;
  readonly candidates: readonly EnclaveCandidate[];
  readonly context: MatchContext;
  readonly outcome: MatchOutcome;
}

const text32 = z.string().transform((value) => hex32(value));
const natural = z.number().nonnegative().finite();
const money = z
  .string()
  .regex(/^\d{1,30}$/)
  .transform(BigInt);

const request = z.strictObject({
  requestId: text32,
  requester: z.string().transform((value) => address(value)),
  modelHash: text32,
  inputHash: text32,
  inputBytes: natural,
  rewardWei: money,
  deadline: natural,
  minTrust: natural,
  profile: text32,
  imageId: text32,
  contextRoot: text32,
  assignedOperator: natural,
  proofKind: natural,
  inputKind: natural,
  callbackGas: natural,
});

const candidate = z.strictObject({
  enclaveId: z.string(),
  operatorId: natural,
  trustLevel: natural,
  imageId: text32,
  runtimeProfile: text32,
  proofKinds: z.array(natural),
  inputKinds: z.array(natural),
  servesContext: z.boolean(),
  draining: z.boolean(),
  epochEndsAt: natural,
  heartbeatDueAt: natural,
  model: z.enum(["warm", "loadable", "missing"]),
  memoryNeededBytes: natural,
  memoryFreeBytes: natural,
  evicts: z.boolean(),
  outstanding: natural,
  maxOutstanding: natural,
  waitMs: natural,
  loadMs: natural,
  runMs: natural,
  runDeviationMs: natural,
  successRate: z.number().positive().max(1),
  strike: z
    .strictObject({
      subject: z.enum(["input", "requester", "enclave", "enclaveModel", "enclaveInput"]),
      untilMs: natural,
    })
    .exactOptional(),
});

const context = z.strictObject({
  chainNow: natural,
  hostNowMs: natural,
  postingMarginSeconds: natural,
  epochMarginSeconds: natural,
  minRewardWei: money,
  gasPriceWei: money,
  fulfilmentGas: natural,
  allowLoss: z.boolean(),
});

const recordSchema = z.strictObject({
  version: z.literal(1),
  request,
  candidates: z.array(candidate),
  context,
  outcome: z.unknown(),
});

/** Decides and keeps what it was decided from. Candidates are ordered by id, so that equal decisions are equal bytes. */
export function decide(
  asked: MatchRequest,
  candidates: readonly EnclaveCandidate[],
  circumstances: MatchContext,
): DecisionRecord {
  const ordered = [...candidates].sort((a, b) => (a.enclaveId < b.enclaveId ? -1 : 1));
  return {
    version: 1,
    request: asked,
    candidates: ordered,
    context: circumstances,
    outcome: match(asked, ordered, circumstances),
  };
}

function encodeValue(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map(encodeValue);
  if (typeof value !== "object" || value === null) return value;
  // Sorted keys: one value, one encoding.
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, encodeValue(inner)]),
  );
}

/** The record as JSON with sorted keys; wei are decimal strings. */
export function encodeDecision(record: DecisionRecord): string {
  return JSON.stringify(encodeValue(record));
}

export interface Replay {
  /** Whether the recorded outcome is what the recorded inputs lead to. */
  readonly same: boolean;
  readonly recorded: unknown;
  readonly recomputed: MatchOutcome;
}

/**
 * Takes a stored decision again from its inputs alone.
 * @throws AssayError `MATCHING_RECORD_MALFORMED` if it is not a decision this code could have taken
 */
export function replayDecision(json: string): Replay {
  let parsed: ReturnType<typeof recordSchema.parse>;
  try {
    parsed = recordSchema.parse(JSON.parse(json));
  } catch (cause) {
    throw new AssayError({
      code: "MATCHING_RECORD_MALFORMED",
      message: "this is not a stored matching decision",
      cause,
    });
  }
  const recomputed = match(parsed.request, parsed.candidates, parsed.context);
  return {
    same: JSON.stringify(encodeValue(recomputed)) === JSON.stringify(encodeValue(parsed.outcome)),
    recorded: parsed.outcome,
    recomputed,
  };
}
