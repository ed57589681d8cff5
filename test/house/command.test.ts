import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { expect } from "chai";
import { loadModule, ROOT, temporaryFolder, write } from "./support";

interface CommandModule {
  runCommand(options: { what: string; command: string; args: string[]; cwd: string; hint: string }): Promise<void>;
}
interface SetupFailure {
  readonly name: string;
  readonly message: string;
  readonly hint: string;
  readonly exitCode: number;
}

async function failureOf(command: string, args: string[]): Promise<SetupFailure> {
  const { runCommand } = await loadModule<CommandModule>("scripts/start/command.mjs");
  return runCommand({ what: "a step", command, args, cwd: ROOT, hint: "do this" }).then(
    () => expect.fail("the command should have failed"),
    (error: unknown) => error as SetupFailure,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return fs.existsSync(`/proc/${pid}`) ? !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "utf8")) : true;
  } catch {
    return false;
  }
}

describe("house/commands of the set-up", () => {
  it("shows the last words of a program that fails, without stack frames, and what to do", async () => {
    const failure = await failureOf(process.execPath, [
      "-e",
      "console.error('it broke\\n    at x (y.js:1)'); process.exit(3)",
    ]);
    expect(failure.name).to.equal("SetupError");
    expect(failure.hint).to.equal("do this");
    expect(failure.message).to.include("it broke").and.include("3").and.not.include("y.js");
  });

  it("fails clearly when the program is not there", async () => {
    const failure = await failureOf("no-such-program-of-assay", []);
    expect(failure.name).to.equal("SetupError");
  });

  it("on Ctrl-C ends the program with everything that it started, and ends with 130", async () => {
    const { folder, remove } = temporaryFolder();
    try {
      // A program that starts another one, as npm does; both note their pid.
      write(
        folder,
        "main.mjs",
        `import { runCommand } from ${JSON.stringify(path.join(ROOT, "scripts/start/command.mjs"))};
         import { reportSetupError } from ${JSON.stringify(path.join(ROOT, "scripts/start/setupError.mjs"))};
         const args = ["-c", 'sleep 1000 & echo $! $$ >> "$1"; wait', "sh", process.argv[2]];
         await runCommand({ what: "w", command: "sh", args, cwd: ".", hint: "" }).catch((error) => {
           process.exitCode = reportSetupError(error);
         });`,
      );
      const pids = path.join(folder, "pids");
      fs.writeFileSync(pids, "");
      const child = spawn(process.execPath, [path.join(folder, "main.mjs"), pids], { stdio: "ignore" });
      const closed = once(child, "close");
      const started = await pidsIn(pids);
      expect(started.length).to.equal(2);
      expect(started.every(isAlive)).to.equal(true);
      child.kill("SIGINT");
      const [code] = (await closed) as [number];
      expect(code).to.equal(130);
      expect(started.some(isAlive)).to.equal(false);
    } finally {
      remove();
    }
  });

  it("passes a signal that reached only us on to the program, and ends with the program's exit code", async () => {
    const { folder, remove } = temporaryFolder();
    try {
      write(
        folder,
        "main.mjs",
        `import { handOver } from ${JSON.stringify(path.join(ROOT, "scripts/start/command.mjs"))};
         const program = "process.on('SIGINT', () => process.exit(7)); console.log('up'); setInterval(() => {}, 1000)";
         process.exitCode = await handOver({ command: process.execPath, args: ["-e", program], cwd: "." });`,
      );
      const child = spawn(process.execPath, [path.join(folder, "main.mjs")], { stdio: ["ignore", "pipe", "inherit"] });
      const closed = once(child, "close");
      await once(child.stdout, "data");
      child.kill("SIGINT");
      const [code] = (await closed) as [number];
      expect(code).to.equal(7);
    } finally {
      remove();
    }
  });
});

/** Looks until the whole line is there. */
async function pidsIn(file: string): Promise<number[]> {
  for (;;) {
    const text = fs.readFileSync(file, "utf8");
    if (text.endsWith("\n")) return text.trim().split(" ").map(Number);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
