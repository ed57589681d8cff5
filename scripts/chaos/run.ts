import { setTimeout as sleep } from "node:timers/promises";
import { RpcClient } from "../../executor/rpc/client";
import { openWorld } from "../../test/e2e/support/world";
import { type Random, seededRandom } from "../models/train/random";
import type { ChainKind } from "../start/chain";
import { ChainDriver } from "./chainDriver";
import { CONFIRMATIONS, ExecutorDriver } from "./executorDriver";
import { Judge, type Verdict } from "./judge";
import { Requests, type Tasks } from "./requests";

export interface ChaosOptions {
  readonly kind: ChainKind;
  readonly seed: number;
  readonly seconds: number;
  readonly requests: number;
  readonly tasks: Tasks;
  readonly say: (line: string) => void;
}

export interface ChaosReport extends Verdict {
  readonly requests: number;
  readonly kills: number;
  readonly reorgs: number;
  readonly cuts: number;
}

/**
 * After the chaos: so long without one more ending, and what has not ended counts as lost. Longer than what an input waits whose runner was killed
 * several times, which it may be to blame for as far as anybody can tell.
 */
const PATIENCE_MS = 300_000;
const MAX_REORG = 5;
type Dice = [Random, Random, Random, Random];

/**
 * Everything at once, on one node: requests come in, blocks are made and unmade, the executor is killed and cut off, its runners die, its
 * nonces are taken, fees and clocks jump. Then peace, and the chain is asked what became of each request.
 */
export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const { kind, seed, seconds, say } = options;
  const world = await openWorld(kind);
  const rpc = new RpcClient({ urls: [world.chain.url], timeoutMs: 60_000 });
  // A stream for each, so that the order of what happens does not depend on how fast this machine is.
  const [events, pace, chainDice, requestDice] = [0, 1, 2, 3].map((i) => seededRandom(4 * seed + i)) as Dice;
  const driver = new ChainDriver(rpc, chainDice);
  const judge = new Judge(world, rpc);
  let executor: ExecutorDriver | undefined;
  try {
    executor = await ExecutorDriver.open(world, chainDice);
    const daemon = executor;
    await driver.takeOver();
    const requests = await Requests.open({ world, rpc, random: requestDice, tasks: options.tasks });
    const began = Date.now();
    // Spread over nine tenths of the time, so that the last ones meet some of the chaos too.
    const due = (): number =>
      Math.min(options.requests, Math.ceil((options.requests * (Date.now() - began)) / (seconds * 900)));
    const offer = async (): Promise<void> => {
      await requests.plan(due());
      await requests.offer();
    };
    const breathe = (): Promise<void> => sleep(60 + pace() * 240);
    const reorg = async (withRequests: boolean): Promise<void> => {
      const depth = 1 + Math.floor(events() * MAX_REORG);
      say(`reorg of ${depth} blocks that drops ${withRequests ? "requests and answers" : "answers only"}`);
      requests.paused = !withRequests;
      await driver.reorg(depth, async () => {
        await offer();
        await breathe();
      });
      requests.paused = false;
    };
    const happenings: readonly (readonly [number, string, () => Promise<void>])[] = [
      [0.2, "the daemon is killed", () => daemon.kill()],
      [0.15, "a runner is killed", async () => daemon.killRunner()],
      [0.15, "the node is cut off", () => daemon.cut()],
      [0.12, "", () => reorg(true)],
      [0.13, "", () => reorg(false)],
      [0.1, "somebody takes the operator's nonce", () => driver.stealNonce()],
      [0.08, "the base fee jumps", () => driver.spikeFee()],
      [0.07, "the clock jumps", () => driver.jump()],
    ];
    let next = began + 500;
    while (Date.now() - began < seconds * 1_000) {
      await offer();
      await driver.mine();
      await breathe();
      if (Date.now() < next) continue;
      let dice = events() * happenings.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, words, happen] of happenings) {
        dice -= weight;
        if (dice > 0) continue;
        if (words !== "") say(words);
        await happen();
        break;
      }
      next = Date.now() + 300 + pace() * 2_200;
    }
    say("peace");
    await requests.plan(options.requests);
    let [ended, since] = [-1, Date.now()];
    while (ended < options.requests && Date.now() - since < PATIENCE_MS) {
      await requests.offer();
      await driver.mine();
      await sleep(100);
      const now = await judge.ended();
      if (now !== ended) [ended, since] = [now, Date.now()];
      if (daemon.failure !== undefined) throw daemon.failure;
    }
    for (let i = 0; i <= CONFIRMATIONS; i++) await driver.mine();
    const verdict = await judge.verdict(requests.planned);
    for (const surprise of daemon.surprises) say(`the daemon says: ${surprise}`);
    if (verdict.lost > 0) say(`the daemon's last words:\n${await daemon.lastWords(verdict.open)}`);
    say(
      `${kind}: ${verdict.fulfilled} fulfilled, ${verdict.refused} refused, ${driver.blocks} blocks, ${daemon.runnerKills} runners killed, ${driver.stolenNonces} nonces taken, ${driver.feeSpikes} fee jumps, ${driver.jumps} clock jumps`,
    );
    const { kills, cuts } = daemon;
    return { ...verdict, requests: options.requests, kills, reorgs: driver.reorgs, cuts };
  } finally {
    await executor?.close();
    rpc.close();
    await world.end();
  }
}
