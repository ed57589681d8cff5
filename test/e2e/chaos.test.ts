import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect } from "chai";
import { packageRoot } from "../../executor/deployment/artifacts";

/** A process of its own: it initialises onnxruntime, which can be done once in a process. */
async function chaos(...args: string[]): Promise<{ code: number; lines: string[] }> {
  const script = join(packageRoot(), "scripts", "chaos", "index.ts");
  const child = spawn(process.execPath, ["-r", "ts-node/register/transpile-only", script, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  return { code, lines: text.trimEnd().split("\n") };
}

describe("npm run chaos", function () {
  this.timeout(300_000);

  it("loses, doubles and falsifies nothing in a short run on both nodes", async () => {
    const { code, lines } = await chaos("--seed", "7", "--seconds", "14", "--requests", "24");
    const last = /^lost=0 double=0 wrong=0 requests=24 kills=(\d+) reorgs=(\d+) cuts=(\d+)$/.exec(lines.at(-1) ?? "");
    expect(last, lines.join("\n")).to.not.equal(null);
    expect(code).to.equal(0);
    // A run in which nothing happened would show nothing.
    const happened = (last ?? []).slice(1).reduce((sum, count) => sum + Number(count), 0);
    expect(happened).to.be.greaterThan(2);
  });

  it("says what is wrong with its own arguments", async () => {
    const { code, lines } = await chaos("--seed", "1", "--seconds", "5", "--chain", "none");
    expect(code).to.equal(2);
    expect(lines.join("\n")).to.match(/^--chain is hardhat or anvil/);
  });
});
