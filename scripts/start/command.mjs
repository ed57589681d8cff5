import { spawn } from "node:child_process";
import { constants } from "node:os";
import { SetupError } from "./setupError.mjs";

/** Shown of a program that failed, from each end: npm says why first, a compiler last. */
const SHOWN_LINES = 20;
const KEPT_CHARS = 65_536;
const FIRST_NOTE_MS = 2_000;
const NOTE_EVERY_MS = 10_000;
const KILL_GRACE_MS = 3_000;
/** Two equal signals closer than this are one key press. */
const SAME_SIGNAL_MS = 300;
const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP"];

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

/** The beginning and the end of what a program printed, without stack frames, which push the message itself out of sight. */
function excerpt(output) {
  const lines = output.split("\n").filter((line) => line.trim() !== "" && !/^\s+at /.test(line));
  if (lines.length <= 2 * SHOWN_LINES) return lines.join("\n");
  return [...lines.slice(0, SHOWN_LINES), "...", ...lines.slice(-SHOWN_LINES)].join("\n");
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
    let head = "";
    let tail = "";
    const keep = (chunk) => {
      if (head.length < KEPT_CHARS) head += chunk;
      else tail = (tail + chunk).slice(-KEPT_CHARS);
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
        settle(
          new SetupError({
            message: `${what} failed (${signal ?? `exit code ${code}`}). What it said:\n${excerpt(head + tail)}`,
            hint,
          }),
        );
      }
    });
  });
}

/**
 * Hands the terminal's output to a program and ends with its exit code. The program runs in a process group of its own and
 * gets each signal from us, once: under npm, Ctrl-C arrives twice (from the terminal, and passed on by npm), and a daemon
 * takes a second signal for an order to stop without draining.
 * @param {{ command: string, args: string[], cwd: string, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<number>} the exit code, 128 + n where a signal ended it
 */
export function handOver({ command, args, cwd, env = process.env }) {
  return new Promise((resolve, reject) => {
    let child;
    const last = new Map();
    const pass = (signal) => {
      const now = Date.now();
      if (now - (last.get(signal) ?? Number.NEGATIVE_INFINITY) < SAME_SIGNAL_MS) return;
      last.set(signal, now);
      child?.kill(signal);
    };
    for (const signal of PASSED_ON) process.on(signal, pass);
    child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      for (const name of PASSED_ON) process.off(name, pass);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}
