import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { openEnclavePath } from "../../../executor/app/enclavePath";
import { type ConformanceCase, findCases } from "../../../executor/conformance/cases";
import { type InferencePath, runCase } from "../../../executor/conformance/run";
import { inspectModel } from "../../../executor/protocol/onnx/inspect";
import { encodeTensor } from "../../../executor/protocol/tensor";
import type { NamedTensor } from "../../../executor/protocol/tensorSet";
import type { SignatureEntry } from "../../../executor/protocol/tensorSignature";
import { buildCases, CASES_FOLDER } from "../../../scripts/conformance/build";
import { bareRun, withOneNan } from "./bareRuntime";
import { PROPERTIES, type SeenCase } from "./properties";

const MOST_BYTES = 300_000;

/** Every committed file by its path below the folder. */
function committed(): Map<string, Buffer> {
  const paths = readdirSync(CASES_FOLDER, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [path.slice(CASES_FOLDER.length + 1), readFileSync(path)]));
}

function signatureOf(item: ConformanceCase) {
  const { verdict } = inspectModel(item.model());
  if (!verdict.admitted) throw new Error(`${item.name} is not admitted: ${verdict.reason.code}`);
  return verdict.signature;
}

/** A case's tensors under the model's names and in its order, whatever its files say of either. */
function inOrder(list: readonly NamedTensor[], entries: readonly SignatureEntry[]): NamedTensor[] {
  return entries.map(({ name }, i) => {
    const found = list.find((given) => given.name === name) ?? (list[i]?.name === "" ? list[i] : undefined);
    if (found === undefined) throw new Error(`nothing is given for "${name}"`);
    return { name, tensor: found.tensor };
  });
}

/** Type, shape and bits of each, so that a difference shows where it is. */
const bits = (list: readonly NamedTensor[]): [string, string][] =>
  list.map(({ name, tensor }) => [name, Buffer.from(encodeTensor(tensor)).toString("hex")]);

describe("conformance: the committed cases", () => {
  const cases = findCases(CASES_FOLDER);

  it("are what the generator writes, byte for byte, and are small", () => {
    const [built, found] = [buildCases(), committed()];
    expect([...found.keys()].sort()).to.deep.equal([...built.keys()].sort());
    for (const [path, bytes] of built) expect(found.get(path)?.equals(bytes), path).to.equal(true);
    expect([...found.values()].reduce((sum, { length }) => sum + length, 0)).to.be.below(MOST_BYTES);
  });

  describe("through the real enclave", () => {
    let path: InferencePath & { close(): Promise<void> };
    before(async () => {
      path = await openEnclavePath(1);
    });
    after(() => path?.close());

    for (const item of cases) {
      it(`${item.name}: bit for bit what bare onnxruntime gives, and what is expected`, async () => {
        const { inputs: taken, outputs: given } = signatureOf(item);
        for (const set of item.sets()) {
          const inputs = inOrder(set.inputs, taken);
          const outcome = await path.run(item.model(), inputs);
          if (outcome.kind !== "answered") throw new Error(outcome.reason);
          const bare = (await bareRun(item.model(), inputs)).map(({ name, tensor }) => ({
            name,
            tensor: withOneNan(tensor),
          }));
          const comparable = outcome.outputs.filter(({ name }) => name !== "__proto__");
          expect(bits(comparable)).to.deep.equal(bits(bare));
          expect(bits(outcome.outputs)).to.deep.equal(bits(inOrder(set.outputs, given)));
        }
        expect(await runCase(item, path)).to.deep.equal({ case: item.name, status: "passed", reason: undefined });
      });
    }
  });

  describe("cover", () => {
    const seen: SeenCase[] = cases.map((item) => ({
      signature: signatureOf(item),
      sets: item.sets(),
      files: [...committed().keys()].filter((path) => path.startsWith(`${item.name}/`)),
    }));
    for (const [what, holds] of PROPERTIES)
      it(what, () => {
        expect(seen.some(holds)).to.equal(true);
      });

    it("both layouts, at least a third of the cases in ONNX's own", () => {
      const own = seen.filter(({ files }) => files.some((file) => file.endsWith(".pb"))).length;
      expect(own).to.be.at.least(seen.length / 3);
      expect(own).to.be.below(seen.length);
    });
  });
});
