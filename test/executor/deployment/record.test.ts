import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import {
  checkDeployment,
  type DeploymentChain,
  readDeployment,
  writeDeployment,
} from "../../../executor/deployment/record";
import { isAssayError } from "../../../executor/domain/errors";
import { h } from "../jobs/fixtures";
import { CODE, RECORD } from "./fixtures";

/** The chain of the record, with what a test changes. */
const chain = (change: Partial<DeploymentChain> = {}): DeploymentChain => ({
  chainId: async () => 31_337n,
  genesisHash: async () => h("genesis"),
  code: async () => `0x${Buffer.from(CODE).toString("hex")}`,
  ...change,
});

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "none";
  } catch (error) {
    return isAssayError(error) ? `${error.code}: ${error.message}` : String(error);
  }
}

describe("deployment record", () => {
  it("fits the chain that it was written for", async () => {
    expect(await codeOf(() => checkDeployment(RECORD, chain()))).to.equal("none");
  });

  it("is refused on another chain, by the numbers of both", async () => {
    expect(await codeOf(() => checkDeployment(RECORD, chain({ chainId: async () => 1n })))).to.equal(
      "DEPLOYMENT_WRONG_CHAIN: the deployment is on chain 31337, the RPC address on chain 1",
    );
  });

  it("is refused on a chain that was started anew, or whose contracts are others, with what to do", async () => {
    const anew = chain({ genesisHash: async () => h("another") });
    expect(await codeOf(() => checkDeployment(RECORD, anew))).to.match(
      /^DEPLOYMENT_GENESIS_MISMATCH: .*npm run deploy$/,
    );
    for (const code of ["0x", "0x6081"] as const)
      expect(await codeOf(() => checkDeployment(RECORD, chain({ code: async () => code })))).to.match(
        /^DEPLOYMENT_CODE_MISMATCH: DevelopmentAttestationVerifier at 0xa+ .*npm run deploy$/,
      );
  });

  it("says what to do where it is missing, or is none", async () => {
    const folder = mkdtempSync(join(tmpdir(), "assay-record-"));
    try {
      const path = join(folder, "deployments", "nowhere.json");
      expect(await codeOf(() => readDeployment(path))).to.match(/^DEPLOYMENT_MISSING: .*npm run deploy/);
      writeDeployment(path, RECORD);
      writeFileSync(path, '{"chainId": 3');
      expect(await codeOf(() => readDeployment(path))).to.match(/^DEPLOYMENT_MALFORMED: .*npm run deploy/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
