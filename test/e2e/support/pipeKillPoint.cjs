"use strict";
/**
 * Preloaded into the real daemon (`node -r`): ends it by SIGKILL at one point of the life of what PIPE holds. ASSAY_PIPE_KILL is JSON: `at` is `held`,
 * `released` (both right after the state is in the store) or `sent` (right after the node took it), `root` the compiled sources, `marker` a file that
 * is written first.
 */
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");

const plan = JSON.parse(process.env.ASSAY_PIPE_KILL ?? "null");
// The daemon refuses variables that it does not know.
delete process.env.ASSAY_PIPE_KILL;

function die() {
  writeFileSync(plan.marker, "");
  process.kill(process.pid, "SIGKILL");
  for (;;); // Nothing runs between the signal and the end.
}

function wrap(path, name, make) {
  const module = require(join(plan.root, path));
  module[name] = make(module[name]);
}

if (plan !== null && /executor[\\/]main\.js$/.test(process.argv[1] ?? "")) {
  wrap("executor/jobs/sqliteStore.js", "sqliteJobStore", (open) => (path) => {
    const store = open(path);
    return {
      ...store,
      addPipeItem: async (item) => {
        await store.addPipeItem(item);
        if (plan.at === "held") die();
      },
      movePipeItems: async (moves) => {
        await store.movePipeItems(moves);
        if (plan.at === "released" && moves.some((move) => move.to === "released")) die();
      },
    };
  });
  wrap("executor/rpc/pipeChain.js", "rpcPipeChain", (make) => (rpc) => {
    const chain = make(rpc);
    return {
      ...chain,
      broadcast: async (raws) => {
        const answers = await chain.broadcast(raws);
        if (plan.at === "sent") die();
        return answers;
      },
    };
  });
}
