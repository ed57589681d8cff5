import fs from "node:fs";
import path from "node:path";
import { expect } from "chai";
import { anvilBinary } from "../../executor/deployment/localNode";
import { startChain } from "../../scripts/start/chain";
import { Children } from "../../scripts/start/children";
import { freePort } from "../../scripts/start/freePort";
import { skipTest } from "../../scripts/test/skip";
import { temporaryFolder } from "./support";

async function chainId(url: string): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  return ((await response.json()) as { result: unknown }).result;
}

/** False for a process that is gone, and for one that is dead and waits for its parent to notice. */
function alive(pid: number): boolean {
  try {
    return !fs.readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch (error) {
    // ESRCH: it went between opening and reading.
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

describe("house/child processes", () => {
  let children: Children;
  beforeEach(() => {
    children = new Children();
  });
  afterEach(() => children.stopAll());

  it("ends a child with the helpers it started", async () => {
    const { folder, remove } = temporaryFolder();
    const file = path.join(folder, "pid");
    const child = await children.start({
      name: "sh",
      command: "sh",
      args: ["-c", 'sleep 1000 & echo $! > "$1"; wait', "sh", file],
    });
    while (!fs.existsSync(file) || !fs.readFileSync(file, "utf8").endsWith("\n"))
      await new Promise((r) => setImmediate(r));
    const helper = Number(fs.readFileSync(file, "utf8"));
    await child.stop();
    remove();
    // SIGKILL is sent by now; when the kernel carries it out is the scheduler's business. A helper that lives on ends in the test's timeout.
    while (alive(helper)) await new Promise((r) => setImmediate(r));
  });

  it("tells how a child ended, and its last words", async () => {
    const child = await children.start({
      name: "node",
      command: process.execPath,
      args: ["-e", "console.log('bye'); process.exit(4)"],
    });
    expect(await child.exited).to.deep.equal({ code: 4, signal: null });
    expect(child.lastWords()).to.equal("bye\n");
  });

  it("rejects when a program can not be started", async () => {
    const outcome = await children.start({ name: "none", command: "no-such-program-of-assay", args: [] }).then(
      () => "started",
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect(outcome).to.equal("ENOENT");
  });

  it("starts a Hardhat node that answers, and leaves nobody on its port", async () => {
    const chain = await startChain({ kind: "hardhat", children });
    expect(await chainId(chain.url)).to.equal("0x7a69");
    await chain.stop();
    const again = await chainId(chain.url).then(
      () => "answers",
      () => "gone",
    );
    expect(again).to.equal("gone");
  });

  it("starts anvil that answers", async function () {
    if (anvilBinary() === undefined) skipTest(this, "part", "npm has no anvil for this platform");
    const chain = await startChain({ kind: "anvil", children });
    expect(await chainId(chain.url)).to.equal("0x7a69");
  });

  it("does not take another node on a fixed port for its own", async () => {
    const first = await startChain({ kind: "hardhat", children, port: await freePort() });
    const second = await startChain({ kind: "hardhat", children, port: first.port }).then(
      () => "started",
      () => "refused",
    );
    expect(second).to.equal("refused");
    expect(await chainId(first.url)).to.equal("0x7a69");
  });
});
