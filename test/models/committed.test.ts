import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { inspectModel } from "../../executor/protocol/onnx/inspect";
import {
  committedModels,
  damagedFiles,
  findData,
  modelFolder,
  readCard,
  readOnnx,
} from "../../scripts/models/committed";
import { RECIPES } from "../../scripts/models/recipes/all";

/** What has to be reached on the test cases, and on which score a smaller number is better. */
const GOALS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  liquidation_risk: { auc: 0.908, logLoss: 0.278, brier: 0.0892, aucAtBuffer15: 0.775 },
  eth_volatility: { rSquaredOfLog: 0.376, qlike: 0.428 },
  digits: { accuracy: 0.9355 },
};
const SMALLER_IS_BETTER: ReadonlySet<string> = new Set(["logLoss", "brier", "qlike"]);

describe("models: what is committed", () => {
  it("has one folder for each recipe", () => {
    expect(committedModels().sort()).to.deep.equal(RECIPES.map(({ name }) => name).sort());
  });

  for (const recipe of RECIPES) {
    const { name } = recipe;
    it(`${name} has the hashes that its card gives`, () => expect(damagedFiles(name)).to.deep.equal([]));

    it(`${name} is admitted and has the signature, content id and data of its card`, () => {
      const card = readCard(name);
      const { verdict, cid, bytes } = inspectModel(readOnnx(name));
      expect(verdict).to.deep.equal({ admitted: true, signature: card.signature });
      expect({ cid, bytes, dataSha256: recipe.data.sha256 }).to.deep.equal({
        cid: card.cid,
        bytes: card.bytes,
        dataSha256: card.dataSha256,
      });
    });

    it(`${name} reaches its goals and beats every baseline on every score`, () => {
      const { model, baselines } = readCard(name).metrics;
      const rivals = [GOALS[name] ?? {}, ...Object.values(baselines)];
      expect(rivals.length).to.be.greaterThan(1);
      for (const rival of rivals) {
        for (const [score, value] of Object.entries(rival)) {
          const gain = ((model[score] ?? Number.NaN) - value) * (SMALLER_IS_BETTER.has(score) ? -1 : 1);
          // The card's four digits may round a goal that was just met.
          expect(gain, score).to.be.at.least(-0.00005);
        }
      }
    });

    it(`${name} has a card in words with the numbers of model.json`, () => {
      const card = readCard(name);
      const text = readFileSync(join(modelFolder(name), "README.md"), "utf8");
      const scores = [card.metrics.model, ...Object.values(card.metrics.baselines)].flatMap((values) =>
        Object.values(values),
      );
      for (const value of scores) expect(text).to.include(value.toFixed(4));
      expect(text).to.include(card.sha256);
    });
  }

  it("ships data only where the licence lets it, unchanged", () => {
    for (const recipe of RECIPES) {
      const { shipped } = recipe.data;
      if (shipped === undefined) continue;
      expect(existsSync(join(modelFolder(recipe.name), shipped))).to.equal(true);
      expect(findData(recipe, "no-such-folder").ok).to.equal(true);
    }
  });
});
