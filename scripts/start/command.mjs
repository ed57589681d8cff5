import { spawn } from "node:child_process";
import { SetupError } from "./setupError.mjs";

const TAIL_LINES = 40;
const FIRST_NOTE_MS = 2_000;
const NOTE_EVERY_MS = 10_000;
const KILL_GRACE_MS = 3_000;

/**
 * Says on stderr that something is still going on, once it takes longer than 2 s.
 * On a terminal one line is rewritten every second; elsewhere (CI, a pipe) a whole line is added every 10 s, so that logs stay readable.
 * @param {string} what
 * @returns {(outcome: "done" | "failed") => void} call it once, when the work has ended
 */
export function showProgress(what) {
  const started = Date.now();
  const tty = process.stderr.isTTY === true;
  let shown = false;
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const note = () => {
    shown = true;
    process.stderr.write(tty ? `\r\u001b[K${what} ... ${seconds()} s` : `${what} ... ${seconds()} s\n`);
  };
  let repeat;
  const first = setTimeout(() => {
    note();
    repeat = setInterval(note, tty ? 1_000 : NOTE_EVERY_MS);
  }, FIRST_NOTE_MS);
  return (outcome) => {
    clearTimeout(first);
    clearInterval(repeat);
    if (shown || outcome === "failed") {
      process.stderr.write(`${tty ? "\r\u001b[K" : ""}${what}: ${outcome} after ${seconds()} s\n`);
    }
  };
}

/** Ends a whole process group that was started with `detached`; a group that is gone already is no error. */
export function killGroup(child, signal) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/**
 * Runs a program to its end and shows progress; its output is kept back and shown only when it fails.
 * Ctrl-C or SIGTERM ends the program with everything it started: it runs in a process group of its own, since npm and
 * Hardhat start children that a signal to them alone would leave behind.
 * @param {{ what: string, command: string, args: string[], cwd: string, env?: NodeJS.ProcessEnv, hint: string }} options
 * @throws {SetupError} when it can not be started, ends with another code than 0, or is interrupted
 */
export function runCommand({ what, command, args, cwd, env = process.env, hint }) {
  return new Promise((resolve, reject) => {
    const finish = showProgress(what);
    let child;
    let interrupted;
    const interrupt = (signal) => {
      interrupted = signal;
      if (child === undefined) return;
      killGroup(child, "SIGTERM");
      setTimeout(() => killGroup(child, "SIGKILL"), KILL_GRACE_MS).unref();
    };
    // Before the program starts: a signal in between would end us and leave it, in its own group, to run on.
    process.on("SIGINT", interrupt);
    process.on("SIGTERM", interrupt);
    child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const tail = [];
    const keep = (chunk) => {
      tail.push(...String(chunk).split("\n"));
      if (tail.length > 4 * TAIL_LINES) tail.splice(0, tail.length - 2 * TAIL_LINES);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);

    const settle = (error) => {
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", interrupt);
      finish(error === undefined ? "done" : "failed");
      if (error === undefined) resolve();
      else reject(error);
    };

    child.on("error", (cause) =>
      settle(new SetupError({ message: `${what}: ${command} can not be started (${cause.code})`, hint })),
    );
    child.on("close", (code, signal) => {
      if (interrupted !== undefined) {
        const exitCode = interrupted === "SIGINT" ? 130 : 143;
        settle(
          new SetupError({
            message: `${what} was interrupted`,
            hint: "run the same command again; it goes on where it stopped.",
            exitCode,
          }),
        );
      } else if (code === 0) {
        settle(undefined);
      } else {
        // Stack frames of other people's code push the message itself out of sight.
        const output = tail
          .filter((line) => line.trim() !== "" && !/^\s+at /.test(line))
          .slice(-TAIL_LINES)
          .join("\n");
        settle(
          new SetupError({
            message: `${what} failed (${signal ?? `exit code ${code}`}). Its last words:\n${output}`,
            hint,
          }),
        );
      }
    });
  });
}

/**
 * Hands the terminal to a program and ends with its exit code. Signals that reach only us are passed on; the
 * program stays in our process group, so that it gets Ctrl-C from the terminal like any foreground program.
 * @param {{ command: string, args: string[], cwd: string, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<number>} the exit code, 128 + n where a signal ended it
 */
export function handOver({ command, args, cwd, env = process.env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: "inherit" });
    // The terminal has sent SIGINT to the child as well: we only have to outlive it.
    const ignore = () => {};
    const pass = (signal) => child.kill(signal);
    process.on("SIGINT", ignore);
    process.on("SIGTERM", pass);
    process.on("SIGHUP", pass);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      process.off("SIGINT", ignore);
      process.off("SIGTERM", pass);
      process.off("SIGHUP", pass);
      resolve(code ?? (signal === "SIGINT" ? 130 : 143));
    });
  });
}
