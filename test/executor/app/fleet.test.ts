import { expect } from "chai";
import { Fleet } from "../../../executor/app/fleet";
import type { FleetEvent } from "../../../executor/app/fleetPorts";
import { AssayError } from "../../../executor/domain/errors";
import { address } from "../../../executor/domain/ids";
import { block, h } from "../jobs/fixtures";

/** Its last bytes are what spreads renewals: zero, so that margins are exact here. */
const SIGNER = address(`0x${"11".repeat(16)}00000000`);
const EPOCH_END = 100_000;
const HEARTBEAT_DUE = 50_000;

/** A fleet of one enclave at a registry that writes down what it is told. */
async function fleetOfOne(margins: { epochMarginSeconds: number; heartbeatMarginSeconds: number }, unvouched = 0) {
  const told: string[] = [];
  const events: FleetEvent[] = [];
  let onEvent: (event: FleetEvent) => void = () => undefined;
  const life = { state: 1, epochEnd: EPOCH_END, heartbeatDue: HEARTBEAT_DUE, counter: 0n };
  const counters: bigint[] = [];
  let toRefuse = unvouched;
  let closes = 0;
  let failing = false;
  let effective = true;
  let height = 5;
  let exit: (reason: string) => void = () => undefined;
  const failedStarts: AssayError[] = [];
  const sent = { open: () => false };
  const registry = {
    imageIsLive: async () => true,
    check: async () => (toRefuse-- > 0 ? { code: 32, operatorId: 0, trust: 0 } : { code: 0, operatorId: 1, trust: 3 }),
    lifeOf: async () => ({ ...life }),
    register: async () => {
      told.push("register");
      return sent;
    },
    renew: async () => {
      if (failing) throw new AssayError({ code: "RPC_UNREACHABLE", message: "", retry: "later" });
      told.push("renew");
      if (effective) life.epochEnd += EPOCH_END;
      return sent;
    },
    heartbeat: async ({ counter }: { counter: bigint }) => {
      told.push("heartbeat");
      if (effective) Object.assign(life, { heartbeatDue: life.heartbeatDue + HEARTBEAT_DUE, counter });
      return sent;
    },
  };
  const enclave = {
    description: { signer: SIGNER, imageId: h("image"), pcrs: {}, keyConfig: new Uint8Array() },
    attest: async () => new Uint8Array(),
    heartbeat: async ({ counter }: { counter: bigint }) => {
      counters.push(counter);
      return new Uint8Array(64);
    },
    exited: new Promise<string>(() => undefined),
    close: async () => {
      closes++;
    },
  };
  const fleet = new Fleet({
    size: 1,
    endpoint: "",
    start: async () => {
      const failure = failedStarts.shift();
      if (failure !== undefined) throw failure;
      // Each start is another enclave: one that had ended already would be replaced for ever.
      const exited = new Promise<string>((resolve) => {
        exit = resolve;
      });
      return { ...enclave, exited } as never;
    },
    registry: registry as never,
    now: async () => block(height),
    untilBlock: async (done) => {
      while (!(await done())) height++;
    },
    heartbeatSeconds: HEARTBEAT_DUE,
    epochSeconds: EPOCH_END,
    maxKeyAgeSeconds: 0,
    ...margins,
    onEvent: (event) => {
      events.push(event);
      onEvent(event);
    },
  });
  await fleet.start(new AbortController().signal);
  const at = (timestamp: number) => fleet.tend({ ...block(9), timestamp });
  return {
    counters,
    closed: () => closes,
    exit: (reason: string) => exit(reason),
    failedStarts,
    until: (kind: FleetEvent["kind"]) =>
      new Promise<void>((resolve) => {
        onEvent = (event) => {
          if (event.kind === kind) resolve();
        };
      }),
    fleet,
    told,
    events,
    at,
    fail: (yes: boolean) => (failing = yes),
    work: (yes: boolean) => (effective = yes),
  };
}

describe("fleet", () => {
  it("renews and beats at the operator's margins, and not a second before", async () => {
    const { told, at } = await fleetOfOne({ epochMarginSeconds: 900, heartbeatMarginSeconds: 600 });
    await at(HEARTBEAT_DUE - 601);
    expect(told).to.deep.equal(["register"]);
    await at(HEARTBEAT_DUE - 600);
    expect(told).to.deep.equal(["register", "heartbeat"]);
    await at(EPOCH_END - 901);
    expect(told.at(-1)).to.equal("heartbeat");
    await at(EPOCH_END - 900);
    expect(told.at(-1)).to.equal("renew");
  });

  it("takes no margin above half the span, or every block would bring a renewal", async () => {
    const { told, at } = await fleetOfOne({ epochMarginSeconds: 86_400, heartbeatMarginSeconds: 86_400 });
    await at(HEARTBEAT_DUE / 2 - 1);
    expect(told).to.deep.equal(["register"]);
    await at(HEARTBEAT_DUE / 2);
    expect(told).to.deep.equal(["register", "heartbeat"]);
  });

  it("tells of a renewal that failed, and tries it again at the next block", async () => {
    const { told, events, at, fail } = await fleetOfOne({ epochMarginSeconds: 900, heartbeatMarginSeconds: 600 });
    fail(true);
    await at(EPOCH_END - 10);
    expect(events.at(-1)).to.have.nested.property("error.code", "RPC_UNREACHABLE");
    fail(false);
    await at(EPOCH_END - 9);
    expect(told.at(-1)).to.equal("renew");
    expect(events.at(-1)?.kind).to.equal("renewed");
  });

  it("makes a renewal again that the chain took without effect, instead of waiting for it for ever", async () => {
    const { told, events, at, work } = await fleetOfOne({ epochMarginSeconds: 900, heartbeatMarginSeconds: 600 });
    work(false);
    await at(EPOCH_END - 900);
    const failure = events.at(-1);
    expect(failure?.kind === "failed" && failure.error.code).to.equal("FLEET_TRANSACTION_FAILED");
    work(true);
    await at(EPOCH_END - 899);
    expect(told).to.deep.equal(["register", "renew", "renew"]);
    expect(events.at(-1)?.kind).to.equal("renewed");
  });

  it("signs a heartbeat with a counter of its own each time, since an enclave signs none twice", async () => {
    const { told, at, work, counters } = await fleetOfOne({ epochMarginSeconds: 900, heartbeatMarginSeconds: 600 });
    work(false);
    await at(HEARTBEAT_DUE - 600);
    await at(HEARTBEAT_DUE - 599);
    work(true);
    await at(HEARTBEAT_DUE - 598);
    expect(told).to.deep.equal(["register", "heartbeat", "heartbeat", "heartbeat"]);
    expect(counters).to.deep.equal([1n, 2n, 3n]);
  });

  it("gives up an enclave whose key the chain does not know over several blocks, and not for one reorg", async () => {
    const { fleet, closed } = await fleetOfOne({ epochMarginSeconds: 900, heartbeatMarginSeconds: 600 });
    for (const number of [10, 10, 11, 12]) fleet.doubt(SIGNER, number);
    fleet.doubt(SIGNER, 500);
    expect(closed()).to.equal(0);
    fleet.doubt(SIGNER, 504);
    expect(closed()).to.equal(1);
  });

  it("serves by no enclave whose registration a reorg has taken away since, but starts another", async () => {
    const { fleet, told, events } = await fleetOfOne({ epochMarginSeconds: 900, heartbeatMarginSeconds: 600 }, 1);
    expect(told).to.deep.equal(["register", "register"]);
    const failures = events.flatMap((event) => (event.kind === "failed" ? [event.error.code] : []));
    expect(failures).to.deep.equal(["FLEET_NOT_VOUCHED_FOR"]);
    expect(fleet.active.map(({ trust }) => trust)).to.deep.equal([3]);
  });

  it("fills a slot again whose replacement could not start, which once ended the daemon", async () => {
    const { until, exit, failedStarts, fleet, events } = await fleetOfOne({
      epochMarginSeconds: 900,
      heartbeatMarginSeconds: 600,
    });
    failedStarts.push(new AssayError({ code: "ENCLAVE_REFUSED", message: "the runner closed its socket" }));
    const registered = until("registered");
    exit("killed");
    await registered;
    expect(events.map(({ kind }) => kind)).to.deep.equal([
      "started",
      "registered",
      "exited",
      "failed",
      "started",
      "registered",
    ]);
    expect(fleet.active).to.have.length(1);
  });
});
