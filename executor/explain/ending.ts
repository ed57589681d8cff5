import { type Address, address, type Hex32, hex32 } from "../domain/ids";
import type { FoundRequest, Inquiry } from "./context";
import { argsOf, type Block, HUB, type Log, topicOf } from "./reader";

/** How the request ended, as the hub's events tell it. */
export interface FoundEnding {
  readonly kind: "fulfilled" | "refused" | "refunded";
  readonly log: Log;
  readonly block: Block;
  /** The enclave key; undefined for a refund, which nobody signs. */
  readonly signer: Address | undefined;
  /** Of a fulfilment. */
  readonly statementHash: Hex32 | undefined;
  /** Of a refusal. */
  readonly reason: number | undefined;
  readonly callback: "none" | "done" | "failed" | "retried";
}

/** What `statusOf` stores. */
export interface StoredState {
  readonly status: number;
  readonly at: number;
  readonly commitment: bigint;
}

export const STATUS_NAMES = ["none", "open", "fulfilled", "callback-failed", "refused", "refunded"] as const;
export type StatusName = (typeof STATUS_NAMES)[number];

const KINDS = new Map<string, FoundEnding["kind"]>([
  ["Fulfilled", "fulfilled"],
  ["Refused", "refused"],
  ["Refunded", "refunded"],
]);

export async function storedState({ reader, deployment, requestId }: Inquiry): Promise<StoredState> {
  // By place: an answer is an array, whose own `at` hides the field of that name.
  const [status, at, commitment] = await reader.view(
    { contract: HUB, at: deployment.contracts.InferenceHub.address },
    "statusOf",
    [requestId],
  );
  return { status: Number(status), at: Number(at), commitment: commitment as bigint };
}

/** Finds the one event that ended the request and compares it with what the hub stores. */
export async function explainEnding(inquiry: Inquiry, request: FoundRequest): Promise<FoundEnding | undefined> {
  const { reader, deployment, requestId, head, checks } = inquiry;
  const names = [...KINDS.keys(), "CallbackFailed", "CallbackRetried"];
  const logs = await reader.logs({
    address: deployment.contracts.InferenceHub.address,
    topics: [names.map((name) => topicOf(HUB, name)), requestId],
    fromBlock: request.log.blockNumber,
    toBlock: head.number,
  });
  const events = logs.map((log) => ({ log, args: argsOf(HUB, log) }));
  const ends = events.filter(({ args }) => KINDS.has(args.eventName));
  const [end] = ends;
  const state = await storedState(inquiry);
  if (end === undefined) {
    const late = head.timestamp > request.terms.deadline;
    checks.that(
      "ending.event",
      null,
      late
        ? "not ended; the deadline has passed, so anyone may call refund"
        : `still open until ${request.terms.deadline}`,
    );
    checks.same("ending.state", { expected: "open", actual: STATUS_NAMES[state.status] ?? state.status });
    return undefined;
  }
  const kind = KINDS.get(end.args.eventName) as FoundEnding["kind"]; // Filtered by this very map above.
  checks.that(
    "ending.event",
    ends.length === 1,
    `${kind} in block ${end.log.blockNumber}, transaction ${end.log.transactionHash}`,
  );
  const block = await reader.block(end.log.blockNumber);
  checks.same("ending.block", { expected: block.hash, actual: end.log.blockHash });

  const seen = new Set(events.map(({ args }) => args.eventName));
  const callback = callbackOf(kind === "fulfilled" && request.terms.callbackGas > 0, seen);
  const status: StatusName = callback === "failed" ? "callback-failed" : kind;
  checks.same("ending.state", { expected: status, actual: STATUS_NAMES[state.status] ?? state.status });
  checks.same("ending.time", { expected: block.timestamp, actual: state.at });
  return {
    kind,
    log: end.log,
    block,
    signer: kind === "refunded" ? undefined : address(end.args.signer),
    statementHash: kind === "fulfilled" ? hex32(end.args.statementHash) : undefined,
    reason: kind === "refused" ? Number(end.args.reason) : undefined,
    callback,
  };
}

function callbackOf(asked: boolean, seen: ReadonlySet<string>): FoundEnding["callback"] {
  if (!asked) return "none";
  if (seen.has("CallbackRetried")) return "retried";
  return seen.has("CallbackFailed") ? "failed" : "done";
}
