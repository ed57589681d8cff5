import "@nomicfoundation/hardhat-ethers";
import "@nomicfoundation/hardhat-chai-matchers";
import "solidity-coverage";
import { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } from "hardhat/builtin-tasks/task-names";
import { type HardhatUserConfig, subtask } from "hardhat/config";

const SOLC_VERSION = "0.8.33";

// The compiler comes from npm, pinned by the lock file: Hardhat's own downloader needs a host that a closed network does not reach.
subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async (args: { solcVersion: string }, _hre, runSuper) =>
  args.solcVersion === SOLC_VERSION
    ? {
        compilerPath: require.resolve("solc/soljson.js"),
        isSolcJs: true,
        version: SOLC_VERSION,
        longVersion: `${SOLC_VERSION}+commit.64118f21`,
      }
    : runSuper(args),
);

const compilerOf = (viaIR: boolean) => ({
  version: SOLC_VERSION,
  settings: { evmVersion: "osaka", optimizer: { enabled: true, runs: 10_000 }, viaIR },
});

/** Compiled through Yul: 2 to 4 % less gas on every path, for twice the time to compile. Nothing else is worth that time. */
const DEPLOYED = ["InferenceHub", "EnclaveRegistry", "IntentForwarder", "BatchDelegate"];
/** Coverage instruments for one of the two code generators, for all files alike. */
const throughYul = process.argv.includes("coverage") ? [] : DEPLOYED;

const { ASSAY_CHAIN_STARTS_AT } = process.env;
/** The demonstration begins a month ago, so that a contract can have lived through it (`scripts/start/pool.ts`). */
const startsAt = ASSAY_CHAIN_STARTS_AT === undefined ? {} : { initialDate: ASSAY_CHAIN_STARTS_AT };

const config: HardhatUserConfig = {
  solidity: {
    compilers: [compilerOf(false)],
    overrides: Object.fromEntries(throughYul.map((name) => [`contracts/${name}.sol`, compilerOf(true)])),
  },
  paths: { tests: "test/contracts" },
  networks: {
    // Time must not run ahead of the wall clock: automining adds a second a block otherwise.
    hardhat: { hardfork: "osaka", allowBlocksWithSameTimestamp: true, ...startsAt },
    localhost: { url: process.env.ASSAY_RPC_URL ?? "http://127.0.0.1:8545" },
  },
  mocha: { timeout: 120_000 },
};

export default config;
