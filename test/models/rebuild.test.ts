import { expect } from "chai";
import { sha256Hex } from "../../scripts/models/artefact";
import { DEFAULT_DATA_FOLDER, findData, readCard, readGolden } from "../../scripts/models/committed";
import { RECIPES } from "../../scripts/models/recipes/all";

const DATA_FOLDER = process.env.ASSAY_DATA ?? DEFAULT_DATA_FOLDER;

describe("models: rebuilding", () => {
  for (const recipe of RECIPES) {
    it(`${recipe.name} is rebuilt bit for bit, with its metrics and golden inputs`, function () {
      const data = findData(recipe, DATA_FOLDER);
      if (!data.ok) {
        if (this.test !== undefined) this.test.title += ` (skipped: data ${data.reason}, ${recipe.data.file})`;
        this.skip();
        return;
      }
      const { onnx, evaluation, golden } = recipe.build(data.bytes);
      const card = readCard(recipe.name);
      expect(sha256Hex(onnx)).to.equal(card.sha256);
      expect(evaluation.testCases).to.equal(card.metrics.testCases);
      for (const [score, value] of Object.entries(evaluation.model))
        expect(value.toFixed(4)).to.equal((card.metrics.model[score] ?? 0).toFixed(4));
      // The golden rows are features that the recipe computes from the data.
      const inputs = golden.map((set) => set.map(({ bytes }) => Buffer.from(bytes).toString("base64")));
      expect(inputs).to.deep.equal(readGolden(recipe.name).sets.map((set) => set.inputs.map(({ b64 }) => b64)));
    }).timeout(120_000);
  }
});
