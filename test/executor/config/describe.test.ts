import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { configDocument, configHelp, describeConfig } from "../../../executor/config/describe";
import { loadConfig } from "../../../executor/config/loadConfig";
import { editDistance, nearestName } from "../../../executor/config/nearest";
import { FIELD_NAMES } from "../../../executor/config/schema";

describe("configuration: one schema for everything", () => {
  it("is what docs/configuration.md says", () => {
    expect(readFileSync(join(__dirname, "../../../docs/configuration.md"), "utf8")).to.equal(configDocument());
  });

  it("has a sentence, a variable of its own and a line of help for every field", () => {
    const rows = describeConfig();
    expect(rows.map((row) => row.name)).to.deep.equal(FIELD_NAMES);
    expect(new Set(rows.map((row) => row.variable)).size).to.equal(rows.length);
    for (const row of rows) {
      expect(row.help).to.match(/^[A-Z].*\.$/);
      expect(configHelp()).to.include(row.flag ?? row.variable);
    }
  });

  it("accepts every default, printed, as a flag", () => {
    const nothing = loadConfig({ argv: [], env: {}, readFile: () => undefined }).config;
    const argv = describeConfig().flatMap((row) => {
      const value = nothing[row.name];
      const text = Array.isArray(value) ? value.join(",") : String(value);
      return row.flag === undefined || value === undefined ? [] : [`${row.flag}=${text}`];
    });
    expect(argv.length).to.be.greaterThan(25);
    expect(loadConfig({ argv, env: {}, readFile: () => undefined }).config).to.deep.equal(nothing);
  });
});

describe("configuration: the nearest name", () => {
  it("measures as a metric does, up to swaps", () => {
    const word = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).to.equal(editDistance(b, a));
        expect(distance === 0).to.equal(a === b);
        expect(distance).to.be.at.most(Math.max(a.length, b.length));
        expect(distance).to.be.at.least(Math.abs(a.length - b.length));
      }),
      { seed: 11 },
    );
    expect(editDistance("wie", "wei")).to.equal(1);
    expect(editDistance("kitten", "sitting")).to.equal(3);
  });

  it("guesses nothing when nothing is near", () => {
    expect(nearestName("zzzzzz", ["enclaves", "network"])).to.equal(undefined);
    expect(nearestName("x".repeat(65), ["x".repeat(64)])).to.equal(undefined);
  });
});
