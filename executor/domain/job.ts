/**
 * The life of a job.
 *
 * - `seen`: the request is known and open; nothing was computed.
 * - `running`: a worker holds the lease and an enclave was asked.
 * - `answered`: the signed answer is stored; nothing was sent.
 * - `posting`: a signed transaction that carries the answer is stored; it may or may not have been broadcast.
 * - `landed`: the chain shows the request ended (by us or by another operator); a reorg may still take it back.
 * - `orphaned`: a reorg removed the request; it comes back as `seen`, `answered` or `posting` when the chain shows it again.
 * - final: `settled` (ended and deep enough), `expired` (deadline passed and deep enough), `abandoned` (we chose not to serve it, with the reason),
 *   `dead` (every allowed attempt failed).
 */
export const JOB_STATES = [
  "seen",
  "running",
  "answered",
  "posting",
  "landed",
  "orphaned",
  "settled",
  "expired",
  "abandoned",
  "dead",
] as const;
export type JobState = (typeof JOB_STATES)[number];

/** The whole state machine; the store refuses a move that is not here (`executor/jobs/moves.ts`). ARCHITECTURE.md draws this table and a test compares them. */
export const JOB_TRANSITIONS: Readonly<Record<JobState, readonly JobState[]>> = {
  seen: ["running", "landed", "orphaned", "expired", "abandoned", "dead"],
  running: ["seen", "answered", "landed", "orphaned", "expired", "abandoned", "dead"],
  answered: ["posting", "seen", "landed", "orphaned", "expired", "abandoned"],
  posting: ["answered", "landed", "orphaned", "expired", "abandoned"],
  // A reorg that takes only the ending away leaves a stored transaction that can bring it again: back to `posting`.
  landed: ["settled", "seen", "answered", "posting", "orphaned"],
  orphaned: ["seen", "answered", "posting", "landed", "expired"],
  settled: [],
  expired: [],
  abandoned: ["landed", "seen"],
  dead: ["landed", "seen"],
};

export function isFinal(state: JobState): boolean {
  return state === "settled" || state === "expired" || state === "abandoned" || state === "dead";
}
