import { expect } from "chai";
import { Fleet, spreadOf } from "../../../executor/app/fleet";
import type { FleetEvent, FleetOptions } from "../../../executor/app/fleetPorts";
import { AssayError } from "../../../executor/domain/errors";
import { type Address, address } from "../../../executor/domain/ids";
import { block, h } from "../jobs/fixtures";

const EPOCH = 86_400;
const HEARTBEAT = 40_000;
const DRAIN = 3_600;
const GOVERNOR = address(`0x${"77".repeat(20)}`);

interface Life {
  state: number;
  epochEnd: number;
  heartbeatDue: number;
  counter: bigint;
  draining: boolean;
}

/** The n-th key that is born; its last bytes are zero unless said, so that nothing is spread. */
const keyOf = (n: number, tail = "00000000") => address(`0x${String(n).padStart(32, "0")}${tail}`);

/** A fleet before a registry that keeps the lives of many keys, at a clock that the test sets. */
function world(options: Partial<FleetOptions> = {}, tails: readonly string[] = []) {
  const lives = new Map<Address, Life>();
  const told: string[] = [];
  const events: FleetEvent[] = [];
  const inFlight = new Map<Address, number>();
  const exits = new Map<Address, (reason: string) => void>();
  const closed: Address[] = [];
  const waiters: { kind: FleetEvent["kind"]; done: () => void }[] = [];
  const faults: AssayError[] = [];
  const state = { time: 1_000, born: 0, imageLive: true };
  const sent = { open: () => false };
  const lifeOf = (signer: Address): Life =>
    lives.get(signer) ?? { state: 0, epochEnd: 0, heartbeatDue: 0, counter: 0n, draining: false };
  const fail = (): void => {
    const fault = faults.shift();
    if (fault !== undefined) throw fault;
  };
  const born = (signer: Address): void => {
    const { time } = state;
    lives.set(signer, {
      state: 1,
      epochEnd: time + EPOCH,
      heartbeatDue: time + HEARTBEAT,
      counter: 0n,
      draining: false,
    });
  };
  const drained = (signer: Address): void => {
    const life = lifeOf(signer);
    if (life.draining) throw new AssayError({ code: "REGISTRY_CALL_REVERTS", message: "", retry: "later" });
    lives.set(signer, { ...life, draining: true, epochEnd: Math.min(life.epochEnd, state.time + DRAIN) });
  };
  /** The n-th enclave's document is its number. */
  const signerIn = ({ document }: { document: Uint8Array }): Address =>
    keyOf(document[0] ?? 0, tails[(document[0] ?? 0) - 1]);
  const registry = {
    imageIsLive: async () => state.imageLive,
    governor: async () => GOVERNOR,
    check: async () => ({ code: 0, operatorId: 1, trust: 3 }),
    lifeOf: async (signer: Address) => ({ ...lifeOf(signer) }),
    register: async (input: { document: Uint8Array }) => {
      fail();
      told.push(`register ${input.document[0]}`);
      born(signerIn(input));
      return sent;
    },
    rotate: async (from: Address, input: { document: Uint8Array }) => {
      fail();
      told.push(`rotate ${Number(from.slice(0, 34))} to ${input.document[0]}`);
      drained(from);
      born(signerIn(input));
      return sent;
    },
    renew: async () => {
      told.push("renew");
      for (const life of lives.values()) life.epochEnd = state.time + EPOCH;
      return sent;
    },
    drain: async (signer: Address) => {
      fail();
      told.push(`drain ${Number(signer.slice(0, 34))}`);
      drained(signer);
      return sent;
    },
    heartbeat: async ({ signer, counter }: { signer: Address; counter: bigint }) => {
      told.push(`heartbeat ${Number(signer.slice(0, 34))}`);
      Object.assign(lifeOf(signer), { heartbeatDue: state.time + HEARTBEAT, counter });
      return sent;
    },
  };
  const fleet = new Fleet({
    size: 1,
    endpoint: "",
    start: async () => {
      state.born++;
      const pcr = Uint8Array.of(state.born);
      const signer = signerIn({ document: pcr });
      const exited = new Promise<string>((resolve) => exits.set(signer, resolve));
      return {
        description: {
          signer,
          imageId: h("image"),
          pcrs: { pcr0: pcr, pcr1: pcr, pcr2: pcr },
          keyConfig: new Uint8Array(),
        },
        attest: async () => pcr,
        heartbeat: async () => new Uint8Array(64),
        status: async () => ({ inFlight: inFlight.get(signer) ?? 0 }),
        exited,
        close: async () => {
          closed.push(signer);
          exits.get(signer)?.("closed");
          await exited;
        },
      } as never;
    },
    registry: registry as never,
    now: async () => ({ ...block(9), timestamp: state.time }),
    untilBlock: async (done) => {
      while (!(await done()));
    },
    heartbeatSeconds: HEARTBEAT,
    epochSeconds: EPOCH,
    epochMarginSeconds: 900,
    heartbeatMarginSeconds: 600,
    maxKeyAgeSeconds: 0,
    ...options,
    onEvent: (event) => {
      events.push(event);
      for (const waiter of waiters.splice(0)) {
        if (waiter.kind === event.kind) waiter.done();
        else waiters.push(waiter);
      }
    },
  });
  return {
    fleet,
    told,
    events,
    lives,
    inFlight,
    closed,
    faults,
    state,
    exit: (signer: Address) => exits.get(signer)?.("killed"),
    start: () => fleet.start(new AbortController().signal),
    at: (time: number) => {
      state.time = time;
      return fleet.tend({ ...block(9), timestamp: time });
    },
    until: (kind: FleetEvent["kind"]) =>
      new Promise<void>((resolve) => {
        waiters.push({ kind, done: resolve });
      }),
    signers: () => fleet.active.map(({ enclave }) => enclave.description.signer),
  };
}

const [FIRST, SECOND] = [keyOf(1), keyOf(2)];

describe("fleet: rotation with overlap", () => {
  it("registers a successor in the place of a key that can sign no more, gives the old one nothing new, and closes it when it is done", async () => {
    const w = world();
    await w.start();
    w.inFlight.set(FIRST, 2);
    const rotated = w.until("rotated");
    w.fleet.rotate(FIRST, true);
    expect([w.fleet.serving, w.fleet.active[0]?.draining]).to.deep.equal([0, true]);
    await rotated;
    expect(w.told).to.deep.equal(["register 1", "rotate 1 to 2"]);
    expect([w.signers(), w.fleet.serving]).to.deep.equal([[SECOND, FIRST], 1]);
    expect(w.fleet.active[1]?.epochEnd).to.equal(w.state.time + DRAIN);
    await w.at(1_010);
    expect(w.closed).to.deep.equal([]);
    w.inFlight.set(FIRST, 0);
    await w.at(1_020);
    expect([w.closed, w.signers()]).to.deep.equal([[FIRST], [SECOND]]);
    expect(w.events.map(({ kind }) => kind)).to.not.include("exited");
  });

  it("lets a key that is only old serve until its successor is in place", async () => {
    const w = world({ maxKeyAgeSeconds: 10_000 });
    await w.start();
    await w.at(10_999);
    expect(w.told).to.deep.equal(["register 1"]);
    const rotated = w.until("rotated");
    await w.at(11_000);
    expect(w.fleet.active[0]?.draining).to.equal(false);
    await rotated;
    expect(w.told).to.deep.equal(["register 1", "rotate 1 to 2"]);
    expect(w.fleet.active.map(({ draining }) => draining)).to.deep.equal([false, true]);
  });

  it("rotates once, however often it is asked, and whatever failed on the way", async () => {
    const w = world();
    await w.start();
    w.faults.push(new AssayError({ code: "RPC_UNREACHABLE", message: "", retry: "later" }));
    const rotated = w.until("rotated");
    w.fleet.rotate(FIRST, true);
    w.fleet.rotate(FIRST, true);
    await w.at(1_001);
    await rotated;
    expect(w.told.filter((line) => line.startsWith("rotate"))).to.have.length(1);
    expect(w.lives.get(FIRST)?.draining).to.equal(true);
  });

  it("fills the slot once when the old enclave dies during its rotation", async () => {
    const w = world();
    await w.start();
    const rotated = w.until("rotated");
    w.fleet.rotate(FIRST, true);
    w.exit(FIRST);
    await rotated;
    expect([w.signers(), w.state.born]).to.deep.equal([[SECOND], 2]);
  });

  it("closes an old enclave whose drain is over, busy or not: nothing that it signs can land", async () => {
    const w = world();
    await w.start();
    const rotated = w.until("rotated");
    w.fleet.rotate(FIRST, true);
    await rotated;
    w.inFlight.set(FIRST, 1);
    await w.at(w.state.time + DRAIN);
    expect(w.closed).to.deep.equal([FIRST]);
  });

  it("beats for a key that drains, and never renews it", async () => {
    const w = world();
    await w.start();
    const rotated = w.until("rotated");
    w.fleet.rotate(FIRST, true);
    await rotated;
    w.inFlight.set(FIRST, 1);
    const old = w.fleet.active[1];
    if (old === undefined) throw new Error("it left");
    old.heartbeatDue = w.state.time + 700;
    await w.at(w.state.time + 100);
    expect(w.told.slice(2)).to.deep.equal(["heartbeat 1"]);
  });

  it("sees on the chain that somebody else drained a key, and registers a successor without draining it again", async () => {
    const w = world();
    await w.start();
    Object.assign(w.lives.get(FIRST) ?? {}, { draining: true, epochEnd: 4_000 });
    const registered = w.until("registered");
    await w.at(1_060);
    await registered;
    expect(w.told).to.deep.equal(["register 1", "register 2"]);
    expect(w.fleet.active.map(({ draining, epochEnd }) => [draining, epochEnd])).to.deep.equal([
      [false, 1_060 + EPOCH],
      [true, 4_000],
    ]);
  });

  it("replaces an enclave whose key somebody else closed", async () => {
    const w = world();
    await w.start();
    Object.assign(w.lives.get(FIRST) ?? {}, { state: 2 });
    const registered = w.until("registered");
    await w.at(1_060);
    await registered;
    expect([w.closed, w.signers()]).to.deep.equal([[FIRST], [SECOND]]);
  });
});

describe("fleet: leaving in order", () => {
  it("drains each key by one transaction, and no key twice", async () => {
    const w = world({ size: 2 });
    await w.start();
    if (w.fleet.active.length < 2) await w.until("registered");
    w.fleet.leave();
    expect(w.fleet.serving).to.equal(0);
    await w.fleet.drain();
    await w.fleet.drain();
    expect(w.told.filter((line) => line.startsWith("drain")).sort()).to.deep.equal(["drain 1", "drain 2"]);
    expect([...w.lives.values()].map(({ draining }) => draining)).to.deep.equal([true, true]);
    expect(w.closed).to.deep.equal([]);
  });

  it("goes on beating, and renews and replaces nothing", async () => {
    const w = world();
    await w.start();
    w.fleet.leave();
    await w.at(1_000 + HEARTBEAT - 600);
    await w.at(1_000 + EPOCH - 100);
    w.fleet.rotate(FIRST, true);
    expect(w.told).to.deep.equal(["register 1", "heartbeat 1", "heartbeat 1"]);
    expect(w.state.born).to.equal(1);
  });

  it("tells of a drain that the chain did not take, and stops all the same", async () => {
    const w = world();
    await w.start();
    w.fleet.leave();
    w.faults.push(new AssayError({ code: "RPC_UNREACHABLE", message: "", retry: "later" }));
    await w.fleet.drain();
    expect(w.events.at(-1)).to.have.nested.property("error.code", "RPC_UNREACHABLE");
    await w.fleet.stop();
    expect(w.closed).to.deep.equal([FIRST]);
  });
});

describe("fleet: what it spreads and says", () => {
  it("renews each key at its own moment, always the same, at most half a margin early", async () => {
    const tails = ["00000000", "80000000", "ffffffff"];
    const due: number[] = [];
    for (const tail of tails) {
      const w = world({}, [tail]);
      await w.start();
      for (let second = 1_000 + EPOCH - 1_400; !w.told.includes("renew"); second++) {
        // The heartbeat would be due before: it is not what is looked at.
        for (const member of w.fleet.active) member.heartbeatDue = second + HEARTBEAT;
        await w.at(second);
      }
      due.push(1_000 + EPOCH - w.state.time);
    }
    expect(due).to.deep.equal([900, 1_125, 1_349]);
  });

  it("spreads by the key alone, over the whole span and never beyond", () => {
    const span = 450;
    const spread = Array.from({ length: 64 }, (_, i) =>
      spreadOf(address(`0x${"ab".repeat(16)}${((i * 0x04000000) >>> 0).toString(16).padStart(8, "0")}`), span),
    );
    expect(Math.min(...spread)).to.equal(0);
    expect(Math.max(...spread)).to.equal(442);
    expect(new Set(spread).size).to.equal(64);
    expect(spreadOf(address(`0x${"ff".repeat(20)}`), span)).to.equal(449);
    expect(spreadOf(address(`0x${"ff".repeat(20)}`), 0)).to.equal(0);
  });

  it("says of an image that is not approved which measurements it has, and who may approve it", async () => {
    const w = world();
    w.state.imageLive = false;
    const failure = await w.start().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).to.have.property("code", "FLEET_IMAGE_NOT_APPROVED");
    expect(failure).to.have.deep.property("context", {
      governor: GOVERNOR,
      imageId: h("image"),
      pcr0: "01",
      pcr1: "01",
      pcr2: "01",
    });
  });
});
