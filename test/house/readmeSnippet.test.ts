import fs from "node:fs";
import path from "node:path";
import { expect } from "chai";
import { ROOT } from "./support";

interface Solc {
  compile(input: string, callbacks: { import(file: string): { contents: string } | { error: string } }): string;
}

describe("house/README", () => {
  it("shows Solidity that compiles without a warning", () => {
    const text = fs.readFileSync(path.join(ROOT, "README.md"), "utf8");
    const snippets = [...text.matchAll(/```solidity\n([\s\S]*?)```/g)].map((match) => String(match[1]));
    expect(snippets.length).to.be.greaterThan(0);
    const solc = require("solc") as Solc;
    const found = (file: string) =>
      [path.join(ROOT, file), path.join(ROOT, "node_modules", file)].find((full) => fs.existsSync(full));
    for (const content of snippets) {
      const input = {
        language: "Solidity",
        sources: { "README.sol": { content } },
        // No code is asked for: the compiler then checks types and stops.
        settings: { evmVersion: "osaka", outputSelection: { "*": { "*": ["abi"] } } },
      };
      const output = solc.compile(JSON.stringify(input), {
        import: (file) => {
          const full = found(file);
          return full === undefined ? { error: "no such file" } : { contents: fs.readFileSync(full, "utf8") };
        },
      });
      const { errors = [] } = JSON.parse(output) as {
        errors?: { formattedMessage: string; sourceLocation?: { file: string } }[];
      };
      const own = errors.filter(
        ({ sourceLocation }) => sourceLocation === undefined || sourceLocation.file === "README.sol",
      );
      expect(own.map(({ formattedMessage }) => formattedMessage)).to.deep.equal([]);
    }
  });
});
