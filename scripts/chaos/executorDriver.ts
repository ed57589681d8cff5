import { setTimeout as sleep } from "node:timers/promises";
import { CuttableWay } from "../../test/e2e/support/cuttableWay";
import type { World } from "../../test/e2e/support/world";
import { descendants } from "../../test/executor/enclave/support/processes";
import type { Random } from "../models/train/random";
import type { DaemonProcess } from "../start/daemon";
import { freePort } from "../start/freePort";

/** Deeper than any reorg that is made: what is final for the executor is final. */
export const CONFIRMATIONS = 10;

/** Keeps an executor running, and is what happens to it: kills, lost runners, a node that can not be reached. */
export class ExecutorDriver {
  kills = 0;
  runnerKills = 0;
  cuts = 0;
  #daemon: DaemonProcess | undefined;
  #starting: Promise<void> | undefined;
  /** Why a daemon did not come up; it is never forgiven. */
  failure: unknown;
  /** What daemons wrote that nobody foresaw. */
  readonly surprises: string[] = [];

  private constructor(
    private readonly world: World,
    private readonly way: CuttableWay,
    private readonly random: Random,
  ) {}

  static async open(world: World, random: Random): Promise<ExecutorDriver> {
    const way = new CuttableWay(await freePort(), world.chain.port);
    await way.mend();
    const driver = new ExecutorDriver(world, way, random);
    await driver.#start();
    return driver;
  }

  /** SIGKILL, and a new daemon on the same store at once; resolves when the old one is dead. One that is still starting is let be: it needs blocks. */
  async kill(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    this.kills++;
    this.#daemon = undefined;
    daemon.child.process.kill("SIGKILL");
    await daemon.child.exited;
    this.#starting = this.#start().catch((error: unknown) => {
      this.failure = error;
    });
  }

  killRunner(): void {
    const pid = this.#daemon?.child.process.pid;
    if (pid === undefined) return;
    const runners = descendants(pid).filter(
      ({ command }) =>
        command.some((arg) => arg.endsWith("runner.js")) && !command.some((arg) => arg.endsWith("signer.js")),
    );
    const runner = runners[Math.floor(this.random() * runners.length)];
    if (runner === undefined) return;
    try {
      process.kill(runner.pid, "SIGKILL");
      this.runnerKills++;
    } catch {
      // It ended by itself between the look and the kill.
    }
  }

  async cut(): Promise<void> {
    this.cuts++;
    await this.way.cut();
    await sleep(200 + this.random() * 1_500);
    await this.way.mend();
  }

  /** What the daemon says of itself, for people who look for what went wrong. */
  async lastWords(open: readonly string[]): Promise<string> {
    const daemon = this.#daemon;
    if (daemon === undefined) return "no daemon is up";
    const status = await fetch(`${daemon.httpUrl}/status`, { signal: AbortSignal.timeout(5_000) })
      .then((answer) => answer.text())
      .catch((error: unknown) => `no status: ${String(error)}`);
    const jobs = await Promise.all(
      open.slice(0, 10).map((id) =>
        fetch(`${daemon.httpUrl}/requests/${id}`, { signal: AbortSignal.timeout(5_000) })
          .then((answer) => answer.text())
          .catch(String),
      ),
    );
    return [daemon.tail(), status.slice(0, 2_000), ...jobs].join("\n");
  }

  async close(): Promise<void> {
    await this.#starting;
    const daemon = this.#daemon;
    this.#daemon = undefined;
    await daemon?.child.stop();
    await this.way.cut();
  }

  /** As a process manager does: a daemon that says that its node is away is started again; any other end is a failure. */
  async #start(): Promise<void> {
    for (;;) {
      try {
        return await this.#launch();
      } catch (error) {
        if (!/^RPC_(UNREACHABLE|TIMEOUT)/m.test(String(error))) throw error;
        await sleep(200);
      }
    }
  }

  async #launch(): Promise<void> {
    const daemon = await this.world.start([], this.world.deploymentFile, {
      rpcUrl: this.way.url,
      confirmations: CONFIRMATIONS,
      onOutput: (text) => {
        if (/not foreseen|"level":"(fatal|error)"/.test(text)) this.surprises.push(text.trim());
      },
    });
    this.#daemon = daemon;
    void daemon.child.exited.then(({ code, signal }) => {
      if (this.#daemon === daemon)
        this.failure = new Error(`the daemon ended by itself (${signal ?? code}):\n${daemon.tail()}`);
    });
  }
}
