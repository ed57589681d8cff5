import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect } from "chai";
import { LAUNCHERS } from "../../../executor/enclave/levels";
import { descendants, isAlive, until } from "./support/processes";

describe("after the daemon was killed", function () {
  this.timeout(60_000);

  for (const { name, level, unavailable } of LAUNCHERS) {
    it(`nothing of an enclave at level ${level} by ${name} is left, not even a runner that is busy`, async function () {
      const missing = unavailable();
      if (missing !== undefined) {
        console.log(`      skipped: ${missing}`);
        this.skip();
      }
      const daemon = spawn(
        process.execPath,
        ["-r", "ts-node/register/transpile-only", join(__dirname, "support", "host.ts"), name],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      await Promise.race([
        once(daemon.stdout, "data"),
        once(daemon, "exit").then(() => Promise.reject(new Error("the daemon did not come up"))),
      ]);
      const family = descendants(daemon.pid as number);
      // A signer and a runner at least, else there is nothing that could have been left.
      expect(family.length).to.be.greaterThan(1);
      daemon.kill("SIGKILL");
      await once(daemon, "exit");
      await until(() => !family.some(isAlive));
    });
  }
});
