#!/usr/bin/env node
// In a clone the command sets itself up first (packages, contracts, build); an installed package comes built.
const fs = require("node:fs");
const path = require("node:path");

const root = path.resolve(__dirname, "..");
const setup = path.join(root, "scripts", "start", "setup.mjs");

async function main() {
  if (fs.existsSync(setup)) {
    const { prepare } = await import("../scripts/start/setup.mjs");
    const { reportSetupError } = await import("../scripts/start/setupError.mjs");
    try {
      await prepare();
    } catch (error) {
      return reportSetupError(error);
    }
  }
  return require("../dist/executor/cli/main.js").main(process.argv.slice(2));
}

main().then((code) => {
  process.exitCode = code;
});
