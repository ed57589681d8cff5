import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { build } from "esbuild";
import { configureBody } from "../../executor/enclave/config";
import { LAUNCHERS, startStrongest } from "../../executor/enclave/levels";
import { hostPath, INSIDE, locateImage } from "../../executor/enclave/sandbox/image";
import type { Launcher } from "../../executor/enclave/sandbox/launcher";
import { enclaveConfig } from "../executor/enclave/support/enclave";
import { ATTACKS, FATAL_BEHIND_FILTER } from "./attacks";
import type { AttackTargets } from "./targets";

const ROOT = resolve(__dirname, "..", "..");

/** Attacks that fail even without a sandbox for who is not root, or on some kernels; what they show elsewhere counts where the control succeeds. */
const CONTROL_NEEDS_MORE = [
  "net.socketPacket",
  "namespace.mount",
  "namespace.cloneNet",
  "namespace.cloneUser",
  "namespace.setnsVictim",
  "kernel.perf",
  "kernel.raiseLimit",
  "kernel.ioUring",
  "ptrace.victim",
  "ptrace.parent",
  "fs.procParentMem",
  "fs.procRootOfParent",
  "fs.writeSelf",
];

/**
 * What a whole sandbox must be able to do because the signer starts runners: make a copy of itself, execute the image's node, end a child. At level 3
 * nobody else is there to be signalled; at level 2 Landlock keeps signals in from Linux 6.12 on, before that the same user's processes are in
 * reach. Behind a runner's filter nothing is left at either level.
 */
const HARMLESS: Readonly<Record<number, readonly string[]>> = {
  3: ["process.node", "process.fork", "process.execveReachable", "process.signalParent", "process.signalAll"],
  2: [
    "process.node",
    "process.fork",
    "process.execveReachable",
    "process.signalParent",
    "process.signalAll",
    "process.signalVictim",
  ],
};

async function bundle(entry: string, outfile: string, targets: AttackTargets): Promise<void> {
  await build({
    entryPoints: [join(ROOT, "test", "attacks", entry)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    conditions: ["import"],
    define: { ATTACK_TARGETS: JSON.stringify(targets) },
    logLevel: "error",
  });
}

describe("attacks with native code", function () {
  this.timeout(120_000);
  let folder: string;
  let victim: ChildProcess;
  let targets: AttackTargets;
  const servers: Server[] = [];
  const udp = createSocket("udp4");

  async function serve(where: Parameters<Server["listen"]>[0]): Promise<Server> {
    const server = createServer((socket) => socket.destroy());
    servers.push(server);
    await new Promise<void>((done) => server.listen(where, () => done()));
    return server;
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "assay-attacks-"));
    mkdirSync(join(folder, "mount"));
    writeFileSync(join(folder, "secret"), "harmless");
    victim = spawn("sleep", ["600"], { stdio: "ignore", env: { SECRET: "harmless" } });
    const tcp = await serve({ host: "127.0.0.1", port: 0 });
    const abstractSocket = `assay-attacks-${process.pid}`;
    await serve({ path: join(folder, "socket") });
    await serve({ path: `\0${abstractSocket}` });
    await new Promise<void>((done) => udp.bind(0, "127.0.0.1", done));
    targets = {
      folder,
      secretFile: join(folder, "secret"),
      tcpPort: (tcp.address() as { port: number }).port,
      udpPort: udp.address().port,
      unixSocket: join(folder, "socket"),
      abstractSocket,
      victimPid: victim.pid as number,
    };
  });
  after(() => {
    victim.kill("SIGKILL");
    for (const server of servers) server.close();
    udp.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("succeed outside, on targets in a temporary folder", async () => {
    const file = join(folder, "control.js");
    await bundle("control.ts", file, targets);
    const koffi = hostPath(locateImage(), INSIDE.koffi);
    const { stdout } = await promisify(execFile)(process.execPath, [file, koffi, JSON.stringify(targets)], {
      maxBuffer: 1 << 20,
    });
    const outcomes = JSON.parse(stdout.trim().split("\n").at(-1) as string) as Record<string, string>;
    const vacuous = Object.entries(outcomes).filter(
      ([name, outcome]) => outcome !== "ALLOWED" && !CONTROL_NEEDS_MORE.includes(name),
    );
    expect(vacuous).to.deep.equal([]);
    expect(Object.keys(outcomes)).to.deep.equal(Object.keys(ATTACKS));
    // As root on a kernel with everything, nothing may hide behind the list of exceptions.
    const blind = Object.entries(outcomes).filter(([, outcome]) => outcome !== "ALLOWED");
    expect(blind.length, blind.join(" ")).to.be.lessThan(CONTROL_NEEDS_MORE.length);
  });

  for (const launcher of LAUNCHERS.filter(({ level }) => level >= 2)) {
    it(`fail at level ${launcher.level} by ${launcher.name}, in the sandbox and behind the runner's filter`, async function () {
      const missing = launcher.unavailable();
      if (missing !== undefined) {
        console.log(`      skipped: ${missing}`);
        this.skip();
      }
      const { sandbox, runner } = await attackInside(launcher);
      const succeeded = (outcomes: Record<string, string>) =>
        Object.keys(outcomes).filter((name) => outcomes[name] === "ALLOWED");
      const tried = Object.keys(ATTACKS).filter((name) => !(FATAL_BEHIND_FILTER as readonly string[]).includes(name));
      expect(Object.keys(sandbox)).to.deep.equal(tried);
      expect(succeeded(sandbox).filter((name) => !HARMLESS[launcher.level]?.includes(name))).to.deep.equal([]);
      expect(Object.keys(runner)).to.deep.equal(tried);
      expect(succeeded(runner)).to.deep.equal([]);
    });
  }

  async function attackInside(
    launcher: Launcher,
  ): Promise<{ sandbox: Record<string, string>; runner: Record<string, string> }> {
    const file = join(folder, "hostileRunner.js");
    await bundle("hostileRunner.ts", file, targets);
    const image = locateImage({ runner: file });
    const { connection, launched } = await startStrongest(image, { minimumLevel: launcher.level, only: launcher.name });
    try {
      const config = enclaveConfig({ limits: { loadTimeoutMs: 60_000 } });
      const configured = await connection.ask("configure", configureBody(config, launcher.level, new Uint8Array(48)));
      const part = (prefix: string) =>
        Object.fromEntries(
          Object.entries(configured.body.runnerTests).flatMap(([name, outcome]) =>
            name.startsWith(prefix) ? [[name.slice(prefix.length), outcome]] : [],
          ),
        );
      return { sandbox: part("sandbox/"), runner: part("runner/") };
    } catch (error) {
      console.log(launched.stderrTail());
      throw error;
    } finally {
      connection.kill("the attack is over");
      await launched.ended;
    }
  }
});
