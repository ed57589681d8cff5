import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { showProgress } from "./command.mjs";
import { SetupError } from "./setupError.mjs";

const POLL_MS = 200;

/** When a process began, in clock ticks since boot, or "" where the system does not tell: a pid alone may be somebody else's by now. */
function startOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function isAlive(holder) {
  const [pid, start] = holder.split(" ");
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (error.code !== "EPERM") return false;
  }
  return startOf(pid) === (start ?? "");
}

/** Puts a lock of a dead process aside. The rename is atomic: of two that try, one gets the file, and checks that it is the one it judged. */
function removeStale(file, holder) {
  const aside = `${file}.stale.${process.pid}`;
  try {
    fs.renameSync(file, aside);
  } catch (error) {
    if (error.code === "ENOENT") return;
    throw error;
  }
  if (fs.readFileSync(aside, "utf8") !== holder) fs.linkSync(aside, file);
  fs.unlinkSync(aside);
}

/**
 * Runs `work` while no other process of this clone does: two terminals that start `npm start` and `npm test` at once
 * must not install into the same folder. A lock whose process has died is taken over.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const self = `${process.pid} ${startOf(process.pid)}`;
  // The content is written before the name exists, so that nobody can read an empty lock and call it stale.
  const own = `${file}.${process.pid}`;
  fs.writeFileSync(own, self);
  let finish;
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    for (;;) {
      if (interrupted)
        throw new SetupError({ message: "interrupted while another set-up was running", hint: "", exitCode: 130 });
      try {
        fs.linkSync(own, file);
        break;
      } catch (error) {
        if (error.code !== "EEXIST") throw error;
      }
      let holder;
      try {
        holder = fs.readFileSync(file, "utf8");
      } catch (error) {
        if (error.code === "ENOENT") continue;
        throw error;
      }
      if (!isAlive(holder)) {
        removeStale(file, holder);
        continue;
      }
      finish ??= showProgress(`waiting for the set-up of process ${holder.split(" ")[0]}`);
      await sleep(POLL_MS);
    }
  } finally {
    finish?.("done");
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
    fs.unlinkSync(own);
  }
  try {
    return await work();
  } finally {
    fs.rmSync(file, { force: true });
  }
}
