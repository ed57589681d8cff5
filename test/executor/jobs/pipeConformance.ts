import { expect } from "chai";
import { isAssayError } from "../../../executor/domain/errors";
import type { PipeItem, PipeState } from "../../../executor/domain/pipe";
import type { JobStore } from "../../../executor/jobs/ports";
import type { PipeStore } from "../../../executor/pipe/ports";
import { block, h, SENDER, transaction } from "./fixtures";

const NOW = 1_000_000;

export function pipeItem(name: string, fields: Partial<PipeItem> = {}): PipeItem {
  return {
    id: h(`pipe/${name}`),
    kind: "raw",
    sender: SENDER,
    nonce: "0",
    payload: "0x02",
    state: "held",
    reason: undefined,
    detail: undefined,
    acceptedMs: NOW,
    deadlineMs: NOW + 60_000,
    transactionHash: undefined,
    publishHash: undefined,
    block: undefined,
    ...fields,
  };
}

/** What every implementation of the store does for PIPE. `open` gives an empty store. */
export function pipeStoreConformance(open: () => Promise<JobStore>): void {
  // Two stages that do not know one another: that the store is what PIPE asks for is checked by the compiler, here.
  let store: JobStore & PipeStore;
  beforeEach(async () => {
    store = await open();
  });
  afterEach(() => store.close());

  const move = (name: string, from: PipeState, to: PipeState, hostMs = NOW) =>
    store.movePipeItems([{ id: h(`pipe/${name}`), from: [from], to, step: { step: to, hostMs, detail: {} } }]);
  const state = async (name: string) => (await store.pipeItem(h(`pipe/${name}`)))?.state;

  it("gives an item back as it was accepted, in the order of acceptance", async () => {
    const first = pipeItem("b", { kind: "intent", nonce: (2n ** 255n).toString(), payload: "0xabcd" });
    const whole = pipeItem("a", {
      transactionHash: h("tx"),
      publishHash: h("publish"),
      reason: "PIPE_DEADLINE",
      detail: "why",
      block: { number: 7, hash: h("block") },
    });
    await store.addPipeItem(first);
    await store.addPipeItem(whole);
    expect(await store.pipeItems(["held"])).to.deep.equal([first, whole]);
    expect(await store.pipeItems(["landed"])).to.deep.equal([]);
    expect(await store.pipeItems([])).to.deep.equal([]);
    expect(await store.pipeItem(h("pipe/a"))).to.deep.equal({ ...whole, timeline: [] });
    expect(await store.pipeItem(h("pipe/c"))).to.equal(undefined);
  });

  it("moves an item only from where it was thought to be, and writes the step with the move", async () => {
    await store.addPipeItem(pipeItem("a"));
    await move("a", "released", "landed");
    expect(await state("a")).to.equal("held");
    await move("a", "held", "released");
    await move("a", "held", "released", NOW + 1);
    expect(await state("a"), "nothing is released twice").to.equal("released");
    const known = await store.pipeItem(h("pipe/a"));
    expect(known?.timeline).to.deep.equal([{ step: "released", hostMs: NOW, detail: {} }]);
  });

  it("fails on a move that is not drawn and leaves the item and its timeline as they were", async () => {
    await store.addPipeItem(pipeItem("a"));
    const failed = await move("a", "held", "final").catch(() => "failed");
    expect(failed).to.equal("failed");
    expect(await store.pipeItem(h("pipe/a"))).to.deep.equal({ ...pipeItem("a"), timeline: [] });
  });

  it("moves all that go together, or none of them", async () => {
    for (const name of ["a", "b", "c"]) await store.addPipeItem(pipeItem(name));
    const to = (name: string, state: PipeState) => ({ id: h(`pipe/${name}`), from: ["held" as const], to: state });
    await store.movePipeItems([]);
    await store.movePipeItems([to("a", "released"), to("b", "released")]);
    expect([await state("a"), await state("b"), await state("c")]).to.deep.equal(["released", "released", "held"]);
    await store.addPipeItem(pipeItem("d"));
    const failed = await store.movePipeItems([to("c", "released"), to("d", "final")]).catch(() => "failed");
    expect([failed, await state("c"), await state("d")]).to.deep.equal(["failed", "held", "held"]);
  });

  it("keeps hashes over moves, and reason and block only for the state they belong to", async () => {
    await store.addPipeItem(pipeItem("a"));
    const id = h("pipe/a");
    const at = { number: 3, hash: h("block/3") };
    await store.movePipeItems([
      { id, from: ["held"], to: "released", transactionHash: h("tx"), publishHash: h("pub") },
    ]);
    await store.movePipeItems([{ id, from: ["released"], to: "reverted", reason: "X", detail: "y", block: at }]);
    expect(await store.pipeItem(id)).to.include({ state: "reverted", reason: "X", detail: "y" });
    expect((await store.pipeItem(id))?.block).to.deep.equal(at);
    await store.movePipeItems([{ id, from: ["landed", "reverted"], to: "released" }]);
    expect(await store.pipeItem(id)).to.deep.equal({
      ...pipeItem("a", { state: "released", transactionHash: h("tx"), publishHash: h("pub") }),
      timeline: [],
    });
  });

  it("keeps steps in the order in which they came, with their details", async () => {
    await store.addPipeItem(pipeItem("a"));
    const steps = [
      { step: "simulated", hostMs: 9, detail: { round: 1, complete: false } },
      { step: "computed", hostMs: 5, detail: { key: "0x01" } },
    ];
    await store.addPipeSteps(h("pipe/a"), steps);
    await store.addPipeSteps(h("pipe/a"), []);
    expect((await store.pipeItem(h("pipe/a")))?.timeline).to.deep.equal(steps);
  });

  it("takes in again what was given back, and refuses what it still has", async () => {
    await store.addPipeItem(pipeItem("a"));
    const twice = await store.addPipeItem(pipeItem("a")).catch((error: unknown) => error);
    expect(isAssayError(twice, "STORE_PIPE_ITEM_KNOWN")).to.equal(true);
    await move("a", "held", "returned");
    await store.addPipeItem(pipeItem("a", { acceptedMs: NOW + 1 }));
    expect(await store.pipeItem(h("pipe/a"))).to.include({ state: "held", acceptedMs: NOW + 1 });
    expect((await store.pipeItem(h("pipe/a")))?.timeline.map((step) => step.step)).to.deep.equal(["returned"]);
  });

  it("forgets what ended before a moment, and nothing that is alive", async () => {
    for (const name of ["held", "back", "late"]) await store.addPipeItem(pipeItem(name));
    await move("back", "held", "returned", NOW + 10);
    await move("late", "held", "returned", NOW + 20);
    expect(await store.prunePipeItems(NOW + 10)).to.equal(0);
    expect(await store.prunePipeItems(NOW + 20)).to.equal(1);
    expect([await state("held"), await state("back"), await state("late")]).to.deep.equal([
      "held",
      undefined,
      "returned",
    ]);
    expect(await store.prune(NOW + 21), "pruning the store does the same").to.equal(1);
  });

  it("finds the newest transaction of a label, and none that lost its nonce", async () => {
    await store.applyBlocks({ blocks: [block(1)], requests: [], endings: [], nowMs: NOW });
    const labelled = (name: string, nonce: number) => ({ ...transaction(name, nonce, []), label: "relay/a" });
    expect(await store.transactionFor("relay/a")).to.equal(undefined);
    await store.recordTransaction(transaction("other", 0, []));
    await store.recordTransaction(labelled("first", 1));
    await store.recordTransaction(labelled("bump", 1));
    expect(await store.transactionFor("relay/a")).to.equal(h("outbox/bump"));
    await store.closeTransaction({ hash: h("outbox/first"), state: "reverted", block: block(1) });
    await store.closeTransaction({ hash: h("outbox/bump"), state: "replaced" });
    expect(await store.transactionFor("relay/a")).to.equal(h("outbox/first"));
  });
}
