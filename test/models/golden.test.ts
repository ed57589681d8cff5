import { expect } from "chai";
import { currentProfile } from "../../scripts/models/artefact";
import { readCard, readGolden, readOnnx } from "../../scripts/models/committed";
import { type CompactTensor, loadRuntime, openSession, type Runtime, runCompact } from "../../scripts/models/golden";
import { RECIPES } from "../../scripts/models/recipes/all";

const RELATIVE = 1e-3;
const ABSOLUTE = 1e-5;

function numbersOf({ dtype, b64 }: CompactTensor): number[] {
  const { buffer } = Uint8Array.from(Buffer.from(b64, "base64"));
  if (dtype === "float32") return [...new Float32Array(buffer)];
  if (dtype === "int64") return [...new BigInt64Array(buffer)].map(Number);
  return [...new Uint8Array(buffer)];
}

function expectClose(actual: CompactTensor, expected: CompactTensor): void {
  expect({ ...actual, b64: "" }).to.deep.equal({ ...expected, b64: "" });
  const wanted = numbersOf(expected);
  const got = numbersOf(actual);
  expect(got.length).to.equal(wanted.length);
  got.forEach((value, i) => {
    const want = wanted[i] ?? Number.NaN;
    expect(Math.abs(value - want), `element ${i}`).to.be.at.most(ABSOLUTE + RELATIVE * Math.abs(want));
  });
}

describe("models: golden inputs and outputs", () => {
  let runtime: Runtime;
  before(async () => {
    runtime = await loadRuntime();
  });

  it("runs with onnxruntime's telemetry off", () => expect(process.env.ORT_DISABLE_TELEMETRY).to.equal("1"));

  for (const { name } of RECIPES) {
    it(`${name} gives its golden outputs`, async () => {
      const session = await openSession(runtime, readOnnx(name));
      const { sets } = readGolden(name);
      expect(sets.length).to.be.at.least(4);
      for (const { inputs, outputs } of sets) {
        const results = await runCompact({ runtime, session, inputs });
        expect(results.length).to.equal(outputs.length);
        for (const [i, result] of results.entries()) expectClose(result, outputs[i] as CompactTensor); // The lengths are equal.
      }
      await session.release();
    });

    it(`${name} gives them bit for bit on the machine they come from`, async function () {
      const { profile } = readCard(name).golden;
      const current = currentProfile(runtime.env.versions.node ?? "unknown");
      if (JSON.stringify(profile) !== JSON.stringify(current)) {
        // Mocha shows the reason as the name of the skipped test.
        if (this.test !== undefined) this.test.title += ` (skipped: they come from ${JSON.stringify(profile)})`;
        this.skip();
      }
      const session = await openSession(runtime, readOnnx(name));
      for (const { inputs, outputs } of readGolden(name).sets) {
        expect(await runCompact({ runtime, session, inputs })).to.deep.equal(outputs);
      }
      await session.release();
    });

    it(`${name} has the same signature to onnxruntime and to our reader`, async () => {
      const session = await openSession(runtime, readOnnx(name));
      const { signature } = readCard(name) as {
        signature: { inputs: { name: string }[]; outputs: { name: string }[] };
      };
      expect(session.inputNames).to.deep.equal(signature.inputs.map((entry) => entry.name));
      expect(session.outputNames).to.deep.equal(signature.outputs.map((entry) => entry.name));
      await session.release();
    });
  }

  it("changes its outputs with its inputs, so that the comparison can fail", () => {
    const [first, second] = readGolden("liquidation_risk").sets;
    expect(first?.outputs[0]?.b64).to.not.equal(second?.outputs[0]?.b64);
  });
});
