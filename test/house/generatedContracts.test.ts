import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { GENERATED, generated } from "../../scripts/contracts/generate";

describe("generated contracts", () => {
  for (const contract of GENERATED) {
    it(`${contract.file} is what its generator writes`, async () => {
      const committed = readFileSync(join(__dirname, "../..", contract.file), "utf8");
      expect(await generated(contract)).to.equal(committed);
    });
  }
});
