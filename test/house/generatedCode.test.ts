import { readFileSync } from "node:fs";
import path from "node:path";
import { expect } from "chai";
import { abiSource } from "../../scripts/abi";
import { pipeCodeSource } from "../../scripts/pipeCode";

const GENERATED = path.join(__dirname, "..", "..", "executor", "protocol", "generated");

/** An interface or a stand-in of an older contract would be wrong without a word: simulations would find what that one asked. */
describe("house/generated code", () => {
  for (const [file, source, script] of [
    ["abi.ts", abiSource, "scripts/abi.ts"],
    ["pipeCode.ts", pipeCodeSource, "scripts/pipeCode.ts"],
  ] as const)
    it(`${file} is what the compiled contracts say (npx ts-node ${script} writes it)`, () => {
      expect(readFileSync(path.join(GENERATED, file), "utf8") === source()).to.equal(true);
    });
});
