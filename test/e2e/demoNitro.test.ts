import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { packageRoot } from "../../executor/deployment/artifacts";
import { nodeProgram } from "../../executor/deployment/localNode";
import { skipTest } from "../../scripts/test/skip";

const run = promisify(execFile);

describe("npm run demo:nitro", () => {
  it("lets the daemon register cold and warm within the gas of the goals, serve a request, verifies it, and ends by itself", async function () {
    if (nodeProgram("anvil", 0) === undefined) skipTest(this, "part", "npm has no anvil for this platform");
    const demo = join("scripts", "nitro", "demo.ts");
    const { stdout, stderr } = await run(process.execPath, ["-r", "ts-node/register", demo], { cwd: packageRoot() });
    expect(stderr).to.equal("");
    const gasOf = (line: RegExp): number => Number(line.exec(stdout)?.[1]?.replaceAll(",", ""));
    expect(gasOf(/registers cold, in one transaction +([\d,]+) gas/)).to.be.within(5_000_000, 9_500_000);
    expect(gasOf(/registers a new key warm +([\d,]+) gas/)).to.be.within(3_000_000, 5_500_000);
    expect(stdout).to.match(/has trust level [1-3], .*: never 4/);
    expect(stdout).to.match(/served by it: [\d,]+ gas, verified from chain data \(\d+ checks\), answer 0\.\d+/);
  });
});
