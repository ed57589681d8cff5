import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { hexlify, keccak256, toBeHex } from "ethers";
import { packageRoot } from "../../executor/deployment/artifacts";
import { JOB_STATES, JOB_TRANSITIONS, type JobState } from "../../executor/domain/job";
import { encodeTerms, standardTerms } from "../../executor/protocol/terms";
import type { DaemonProcess } from "../../scripts/start/daemon";
import { committedModel, encoded, ended, goldenSets, openWorld, REWARD, type World } from "./support/world";

/** What a daemon does to the world beside its store. */
const EFFECTS = ["run", "broadcast"] as const;
type Point = JobState | (typeof EFFECTS)[number];
type Moment = "before" | "after";

/** What makes a job enter a state, and how it must end although the daemon was killed there. */
interface Life {
  readonly lead: "served" | "orphaned" | "orphaned for good" | "for another operator" | "enclave in trouble";
  readonly ends: "Fulfilled" | "Refunded" | "nothing on the chain";
}
const SERVED: Life = { lead: "served", ends: "Fulfilled" };

/** One entry for each state and each side effect. A new state without one does not compile, and the first test fails. */
const LIVES: Readonly<Record<Point, Life>> = {
  seen: SERVED,
  running: SERVED,
  run: SERVED,
  answered: SERVED,
  posting: SERVED,
  broadcast: SERVED,
  landed: SERVED,
  settled: SERVED,
  orphaned: { lead: "orphaned", ends: "Fulfilled" },
  expired: { lead: "orphaned for good", ends: "nothing on the chain" },
  abandoned: { lead: "for another operator", ends: "Refunded" },
  dead: { lead: "enclave in trouble", ends: "Refunded" },
};

const CONFIRMATIONS = 3;
const DEADLINE_SECONDS = 600;
const ENDINGS = ["Fulfilled", "Refused", "Refunded"];

describe("a daemon that is killed at every point of a job's life", function () {
  this.timeout(120_000);
  let world: World;
  let pristine: string;
  let deadline = 0;
  let kills = 0;
  const daemons: DaemonProcess[] = [];
  const rpc = (method: string, ...params: unknown[]): Promise<string> => world.provider.send(method, params);
  const mine = async (blocks: number): Promise<void> => {
    for (let i = 0; i < blocks; i++) await rpc("evm_mine");
  };

  before(async () => {
    world = await openWorld("hardhat");
    pristine = await rpc("evm_snapshot");
  });
  after(() => world.end());
  afterEach(async () => {
    for (const { child } of daemons.splice(0)) await child.stop();
    await rpc("evm_revert", pristine);
    pristine = await rpc("evm_snapshot");
  });

  async function start(store: string, env: Readonly<Record<string, string>> = {}): Promise<DaemonProcess> {
    const way = { env, confirmations: CONFIRMATIONS };
    const daemon = await world.start(["--store-path", store, "--enclaves", "1"], undefined, way);
    daemons.push(daemon);
    return daemon;
  }

  /** The same request each time, so that one that a reorg dropped can come again. */
  async function ask(assignedOperator: number): Promise<string> {
    const [set] = goldenSets("liquidation_risk");
    const [input, terms] = [encoded(set?.inputs ?? []), encodeTerms(standardTerms({ deadline, assignedOperator }))];
    const model = committedModel("liquidation_risk").hash;
    const sent = await world.hub
      .getFunction("request")
      .send(model, hexlify(input), hexlify(terms), toBeHex(1, 32), { value: REWARD });
    return (await sent.wait())?.logs[0]?.topics[1] ?? "";
  }

  /** Everything the hub asks for to give an escrow back, from the event of the request. */
  async function refund(requestId: string): Promise<void> {
    const [log] = await world.hub.queryFilter(world.hub.getEvent("Requested")(requestId), 0);
    const event = log === undefined ? null : world.hub.interface.parseLog(log);
    if (event === null) throw new Error("no such request");
    const { requester, salt, modelHash, terms, input, rewardWei } = event.args;
    const asked = { requester, salt, modelHash, inputHash: keccak256(input), terms, rewardWei };
    await (await world.hub.getFunction("refund").send(asked)).wait();
  }

  /** Starts a daemon that ends itself at the point, leads it there, and waits until it is dead. */
  async function killed(
    store: string,
    point: { at: Point; moment: Moment; fault: boolean },
    lead: () => Promise<void>,
  ): Promise<void> {
    const marker = join(world.dataDir, `killed-${++kills}`);
    const root = join(packageRoot(), "dist");
    const hub = world.record.contracts.InferenceHub.address.toLowerCase();
    const daemon = await start(store, {
      NODE_OPTIONS: `-r ${join(__dirname, "support", "killPoint.cjs")}`,
      ASSAY_KILL: JSON.stringify({ ...point, root, hub, marker }),
    }).catch((error: unknown) => {
      // It may well be dead before it is ready: it follows the chain from its first moment.
      if (!existsSync(marker)) throw error;
      return undefined;
    });
    if (daemon !== undefined) {
      await lead();
      await until(
        () => existsSync(marker),
        () => `not killed ${point.moment} ${point.at}:\n${daemon.tail()}`,
      );
      await daemon.child.exited;
    }
  }

  it("has a life for each state of the table, and no other", () => {
    const states = Object.keys(LIVES).filter((name) => !(EFFECTS as readonly string[]).includes(name));
    expect(states.sort()).to.deep.equal([...JOB_STATES].sort());
    expect(states.sort()).to.deep.equal(Object.keys(JOB_TRANSITIONS).sort());
  });

  for (const at of Object.keys(LIVES) as Point[]) {
    const { lead, ends } = LIVES[at];
    it(`before and after "${at}": the job ends once, ${ends}`, async () => {
      const store = join(world.dataDir, `kill-${at}.sqlite`);
      // A node's clock that was moved on stays there; the next block shows it.
      await mine(1);
      deadline = Number(await world.now()) + DEADLINE_SECONDS;
      const operator = lead === "for another operator" ? 99 : 0;
      const unasked = await rpc("evm_snapshot");
      const asked = await ask(operator);
      if (lead === "orphaned" || lead === "orphaned for good") {
        // The daemon answers it, and then the chain knows nothing of it.
        const first = await start(store);
        await ended(world, asked);
        await first.child.stop();
        await rpc("evm_revert", unasked);
        await mine(2);
      }
      const goOn = async (): Promise<void> => {
        if (at === "settled") await ended(world, asked);
        if (at === "expired") await rpc("evm_increaseTime", 2 * DEADLINE_SECONDS);
        if (at === "expired" || at === "settled") await mine(CONFIRMATIONS + 2);
      };
      for (const moment of ["before", "after"] as const)
        await killed(store, { at, moment, fault: lead === "enclave in trouble" }, goOn);

      const last = await start(store);
      if (lead === "orphaned") expect(await ask(operator)).to.equal(asked);
      if (ends === "Refunded") {
        await rpc("evm_increaseTime", 2 * DEADLINE_SECONDS);
        await mine(1);
        await refund(asked);
      }
      if (ends !== "nothing on the chain") expect((await ended(world, asked)).event).to.equal(ends);
      await mine(CONFIRMATIONS + 1);
      const final = ends === "nothing on the chain" ? "expired" : "settled";
      await until(
        async () => {
          const job = (await (await fetch(`${last.httpUrl}/requests/${asked}`)).json()) as { state?: JobState };
          return job.state === final;
        },
        () => `not ${final}:\n${last.tail()}`,
      );
      const topics = ENDINGS.map((name) => world.hub.interface.getEvent(name)?.topicHash ?? "");
      const { address } = world.record.contracts.InferenceHub;
      const endings = await world.provider.getLogs({ address, fromBlock: 0, topics: [topics, asked] });
      expect(endings.length).to.equal(ends === "nothing on the chain" ? 0 : 1);
      const credit = await world.hub.getFunction("operatorCreditOf").staticCall(1);
      expect(credit).to.equal(ends === "Fulfilled" ? REWARD : 0n);
    });
  }
});

/** The bound is for a failing test; a passing one waits as long as the daemon needs. */
async function until(done: () => boolean | Promise<boolean>, why: () => string): Promise<void> {
  const end = Date.now() + 30_000;
  while (!(await done())) {
    if (Date.now() > end) throw new Error(why());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
