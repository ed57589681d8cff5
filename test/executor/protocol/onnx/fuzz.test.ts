import { expect } from "chai";
import { admit } from "../../../../executor/protocol/onnx/admission";
import { DEFAULT_LIMITS } from "../../../../executor/protocol/onnx/limits";
import { ONNX_REFUSALS } from "../../../../executor/protocol/onnx/refusal";
import { encodeTensorSignature } from "../../../../executor/protocol/tensorSignature";
import { readOnnx } from "../../../../scripts/models/committed";
import { type Random, seededRandom } from "../../../../scripts/models/train/random";
import { FUZZ_MODELS, FUZZ_SEED } from "../../../fixtures/fuzzSize";
import { HOSTILE_MODELS } from "../../../fixtures/hostileModels";

const LARGEST_ORIGINAL = 10_000;

const below = (random: Random, limit: number): number => Math.floor(random() * limit);

const flipBit = (bytes: Buffer, random: Random): Buffer => {
  const at = below(random, bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
  return bytes;
};

/** Changes that keep the form, break it, or move parts of it about. */
const MUTATIONS: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  flipBit,
  flipBit,
  (bytes, random) => {
    bytes[below(random, bytes.length)] = below(random, 256);
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, below(random, bytes.length)),
  (bytes, random) => {
    const at = below(random, bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(random, 8))]);
  },
  (bytes, random) => {
    const from = below(random, bytes.length);
    const at = below(random, bytes.length);
    const piece = bytes.subarray(from, from + 1 + below(random, 32));
    return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  },
  (bytes, random) => {
    const at = below(random, bytes.length);
    bytes.subarray(at, at + 1 + below(random, 10)).fill(0xff);
    return bytes;
  },
];

function mutate(original: Uint8Array, random: Random): Buffer {
  // Mostly one change: models that are broken in several places all fail at the first.
  let bytes: Buffer = Buffer.from(original);
  for (let round = 1 + Math.floor(3 * random() ** 3); round > 0 && bytes.length > 0; round -= 1) {
    bytes = MUTATIONS[below(random, MUTATIONS.length)]?.(bytes, random) ?? bytes;
  }
  return bytes;
}

describe("protocol/onnx: mutated models", () => {
  it(`ends in a signature or a known refusal for ${FUZZ_MODELS} mutants (seed ${FUZZ_SEED})`, () => {
    const random = seededRandom(FUZZ_SEED);
    const originals = [
      ...["liquidation_risk", "eth_volatility"].map(readOnnx),
      ...HOSTILE_MODELS.map(({ build }) => build()).filter(({ length }) => length < LARGEST_ORIGINAL),
    ];
    const seen = new Map<string, number>();
    for (let i = 0; i < FUZZ_MODELS; i += 1) {
      const verdict = admit(mutate(originals[i % originals.length] ?? new Uint8Array(0), random), DEFAULT_LIMITS);
      if (verdict.ok) encodeTensorSignature(verdict.signature);
      else expect(ONNX_REFUSALS).to.have.property(verdict.reason.code);
      const key = verdict.ok ? "admitted" : verdict.reason.code;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    // Mutants that all fail alike would prove little.
    expect(seen.get("admitted") ?? 0).to.be.greaterThan(10);
    expect(seen.size).to.be.greaterThan(10);
  }).timeout(20_000 + 10 * FUZZ_MODELS);

  it("ends for random bytes", () => {
    const random = seededRandom(FUZZ_SEED + 1);
    for (let i = 0; i < FUZZ_MODELS; i += 1) {
      const bytes = Uint8Array.from({ length: below(random, 200) }, () => below(random, 256));
      expect(admit(bytes).ok).to.equal(false);
    }
  });
});
