import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { expect } from "chai";
import { ROOT, temporaryFolder, write } from "./support";

function bash(script: string, env: NodeJS.ProcessEnv = process.env) {
  return spawnSync("bash", ["-c", `set -u; . .ci/steps.sh; ${script}`], { cwd: ROOT, encoding: "utf8", env });
}

describe("house/ci", () => {
  it("goes on after a failed step, counts both kinds, and ends with a failure", () => {
    const run = bash("step a true; step b false; step c true; finish");
    expect(run.status).to.equal(1);
    expect(run.stdout.trimEnd().split("\n").at(-1)).to.equal("2 passed, 1 failed");
    expect(bash("step a true; finish").status).to.equal(0);
  });

  it("hides compilers and Python, and keeps what the first command needs", () => {
    const { folder, remove } = temporaryFolder();
    // A compiler that only this test has, so that it can fail on a machine without one.
    for (const name of ["gcc", "x86_64-linux-gnu-g++-12", "python3.11", "make"]) {
      write(folder, `bin/${name}`, "#!/bin/sh\n");
      fs.chmodSync(path.join(folder, "bin", name), 0o755);
    }
    const env = { ...process.env, PATH: `${path.join(folder, "bin")}:${process.env.PATH ?? ""}` };
    const hidden = path.join(folder, "hidden");
    fs.mkdirSync(hidden);
    const look =
      "for t in gcc x86_64-linux-gnu-g++-12 python3.11 make node git sh; do command -v $t >/dev/null && echo $t; done; true";
    const run = bash(`without_compilers '${hidden}' sh -c '${look}'`, env);
    remove();
    expect(run.stdout.trim().split("\n")).to.deep.equal(["node", "git", "sh"]);
  });
});
