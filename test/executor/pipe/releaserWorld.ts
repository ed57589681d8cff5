import type { Address } from "../../../executor/domain/ids";
import { type Entry, entryOf, itemOf } from "../../../executor/pipe/entry";
import { Releaser } from "../../../executor/pipe/releaser";
import { Turns } from "../../../executor/pipe/turns";
import { codeOf, FakeChain, FakePublisher, FakeStore, filled, read, type TxFields, walletOf } from "./fakes";

export const addressOf = (name: string): Address => walletOf(name).address.toLowerCase() as Address;
export const keysOf = (...names: string[]) => names.map((name) => filled(name).inference.key);

/** A releaser among fakes; tests change what `holds`, `windowOpen` and `isClear` answer. */
export function releaserWorld() {
  const chain = new FakeChain();
  const publisher = new FakePublisher(chain);
  const store = new FakeStore();
  const turns = new Turns();
  const grants = new Map<Address, bigint>();
  const refused: [Entry, string][] = [];
  const stale: Entry[] = [];
  const sent: Entry[] = [];
  const errors: unknown[] = [];
  const w = {
    ...{ chain, publisher, store, turns, grants, refused, stale, sent, errors },
    holds: async (_entry: Entry): Promise<boolean> => true,
    windowOpen: async (): Promise<boolean> => false,
    isClear: (): boolean => true,
    releaser: (terms: { feeWei?: bigint; priorityFeeWei?: bigint; allowLoss?: boolean } = {}) =>
      new Releaser({
        chain,
        publisher,
        store,
        terms: { feeWei: 0n, priorityFeeWei: 0n, allowLoss: true, ...terms },
        grantOf: async (sponsor) => grants.get(sponsor) ?? 0n,
        head: chain.headNow,
        turns,
        window: { clear: () => w.windowOpen(), isClear: () => w.isClear() },
        nowMs: () => 1,
        stillHolds: (entry) => w.holds(entry),
        onStale: (entry) => {
          entry.phase = "waiting";
          stale.push(entry);
        },
        onSent: (entry) => void sent.push(entry),
        onRefused: async (entry, error) => {
          entry.phase = "over";
          refused.push([entry, codeOf(error)]);
        },
        onError: (error) => void errors.push(error),
      }),
    /** Ready, held, planned on the newest block. */
    ready: async (fields: TxFields, names: string[], feeWei = 0n): Promise<Entry> => {
      const tx = await read(fields);
      const entry = entryOf({ kind: "raw", from: tx.from, step: tx.step, tx, acceptedMs: 0, deadlineMs: 1_000 });
      const needed = names.map((name) => filled(name, { feeWei }));
      entry.plan = { needed, rounds: 1, simulations: 1, charged: 1, speculative: 0, gasUsed: 1n };
      entry.phase = "ready";
      entry.plannedAt = chain.number;
      entry.state = "held";
      await store.addPipeItem(itemOf(entry));
      return entry;
    },
    release: async (made: Releaser, ...entries: Entry[]): Promise<void> => {
      for (const entry of entries) made.add(entry);
      await made.drain();
    },
  };
  return w;
}
export type ReleaserWorld = ReturnType<typeof releaserWorld>;
