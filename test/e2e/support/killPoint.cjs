"use strict";
/**
 * Preloaded into the real daemon (`node -r`): ends it by SIGKILL at one point of a job's life. The daemon itself knows nothing of it.
 * ASSAY_KILL is JSON: `at` is a state of a job or a side effect (`run`, `broadcast`), `moment` is `before` or `after`, `root` the compiled
 * sources, `hub` the contract whose transactions count, `marker` a file that is written first, and `fault` true for enclaves that can not run.
 *
 * Before a state: the write that would enter it is aborted inside its transaction, and the process ends. After a state: the write is
 * committed, and the process ends before it does anything else.
 */
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");

const plan = JSON.parse(process.env.ASSAY_KILL ?? "null");
const MARK = "KILL_POINT";

function die() {
  writeFileSync(plan.marker, "");
  process.kill(process.pid, "SIGKILL");
  for (;;); // Nothing runs between the signal and the end.
}

/** Replaces an exported function of a compiled module; importers look it up at each call. */
function wrap(path, name, make) {
  const module = require(join(plan.root, path));
  // A plan for what is not there would never be carried out, and look like a daemon that can not be killed.
  if (typeof module[name] !== "function") throw new Error(`${path} has no ${name}`);
  module[name] = make(module[name]);
}

const hit = (at, moment) => plan.at === at && plan.moment === moment;

function abortBeforeState() {
  const abort = `BEGIN SELECT RAISE(ABORT, '${MARK}'); END`;
  wrap("executor/jobs/moves.js", "moveGuards", (guards) => () => [
    ...guards(),
    `CREATE TEMP TRIGGER kill_insert BEFORE INSERT ON main.jobs WHEN NEW.state = '${plan.at}' ${abort}`,
    `CREATE TEMP TRIGGER kill_update BEFORE UPDATE OF state ON main.jobs
        WHEN NEW.state = '${plan.at}' AND OLD.state <> NEW.state ${abort}`,
  ]);
}

function aroundStates() {
  if (plan.moment === "before") abortBeforeState();
  wrap("executor/jobs/sqliteStore.js", "sqliteJobStore", (open) => (path) => {
    const store = open(path);
    const watch =
      (method) =>
      async (...args) => {
        let result;
        try {
          result = await method.apply(store, args);
        } catch (error) {
          if (String(error).includes(MARK)) die();
          throw error;
        }
        if (plan.moment === "after" && (await store.counts())[plan.at] > 0) die();
        return result;
      };
    const names = Object.keys(store).filter((name) => name !== "counts" && name !== "close");
    return { ...store, ...Object.fromEntries(names.map((name) => [name, watch(store[name])])) };
  });
}

function aroundBroadcast() {
  const { Transaction } = require("ethers");
  wrap("executor/rpc/postingChain.js", "rpcPostingChain", (make) => (...args) => {
    const chain = make(...args);
    return {
      ...chain,
      broadcast: async (raw) => {
        const ours = Transaction.from(raw).to?.toLowerCase() === plan.hub;
        if (ours && hit("broadcast", "before")) die();
        const answer = await chain.broadcast(raw);
        if (ours && hit("broadcast", "after")) die();
        return answer;
      },
    };
  });
}

function aroundRun() {
  wrap("executor/enclave/supervisor.js", "startEnclave", (start) => async (...args) => {
    const enclave = await start(...args);
    const run = enclave.run.bind(enclave);
    enclave.run = async (...task) => {
      if (plan.fault) return { ok: false, failure: { code: "ABORTED", detail: "injected", retryable: false } };
      if (hit("run", "before")) die();
      const outcome = await run(...task);
      if (hit("run", "after")) die();
      return outcome;
    };
    return enclave;
  });
}

// Processes that the daemon starts inherit the option that loads this file, and have no plan.
if (plan !== null) {
  delete process.env.ASSAY_KILL;
  aroundRun();
  if (plan.at === "broadcast") aroundBroadcast();
  else if (plan.at !== "run") aroundStates();
}
