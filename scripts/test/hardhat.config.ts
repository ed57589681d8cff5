import path from "node:path";
import type { HardhatUserConfig } from "hardhat/config";
import base from "../../hardhat.config";

/**
 * The project's own configuration with the project's reporter. Under coverage, artifacts and cache go elsewhere:
 * instrumented contracts in `artifacts/` would be deployed by whatever runs beside the tests.
 */
const coverage = process.env.SOLIDITY_COVERAGE === "true";
const grep = process.env.ASSAY_TEST_GREP;

const config: HardhatUserConfig = {
  ...base,
  paths: {
    ...base.paths,
    root: path.resolve(__dirname, "..", ".."),
    ...(coverage ? { artifacts: ".assay/coverage/artifacts", cache: ".assay/coverage/cache" } : {}),
  },
  mocha: {
    ...base.mocha,
    reporter: path.join(__dirname, "reporter.cjs"),
    ...(grep === undefined ? {} : { grep: new RegExp(grep) }),
  },
};

export default config;
