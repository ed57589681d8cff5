import { expect } from "chai";
import type { Contract } from "ethers";
import { N, P, type Words, words } from "../../../fixtures/attestation/curve";
import { Evm } from "../../../fixtures/attestation/evm";
import { seeded } from "../../../fixtures/attestation/seeded";

const LIMIT = 2n ** 384n;
const HIGH = 2n ** 256n;
const C = LIMIT - P;
const mod = (value: bigint, modulus: bigint): bigint => ((value % modulus) + modulus) % modulus;

/** Where words are empty or full, where a carry meets another, and where p ends. */
const EXTREME = [
  0n,
  1n,
  2n,
  C - 1n,
  C,
  C + 1n,
  HIGH - 1n,
  HIGH,
  HIGH + 1n,
  LIMIT - HIGH,
  LIMIT - HIGH - 1n,
  P - 2n,
  P - 1n,
  P,
  P + 1n,
  LIMIT - 2n,
  LIMIT - 1n,
  2n ** 383n,
  2n ** 383n - 1n,
  2n ** 128n - 1n,
  (2n ** 128n - 1n) * HIGH,
];

const elementOf = ([h, l]: readonly [bigint, bigint]): bigint => {
  expect(h < 2n ** 128n, "an element is below 2^384").to.equal(true);
  return h * HIGH + l;
};

describe("attestation/P384Field", () => {
  let evm: Evm;
  let harness: Contract;
  const random = seeded("P384Field");
  const numbers = [...EXTREME, ...Array.from({ length: 6 }, () => random.below(LIMIT))];

  before(async function () {
    evm = await Evm.start(this);
    harness = await evm.deploy("mocks/P384Harness.sol", "P384Harness");
  });

  after(() => evm?.stop());

  async function check(a: bigint, b: bigint): Promise<void> {
    const [n, zero] = await harness.getFunction("field")(words(a), words(b));
    const got = n.map((number: [bigint, bigint]) => elementOf(number) % P) as bigint[];
    const what = `${a.toString(16)} and ${b.toString(16)}`;
    const expected = [mod(a * b, P), mod(a * b, P), mod(a * a, P), mod(a * a, P), mod(a - b, P), a % P, mod(-a, P)];
    expect(got.slice(0, 7), what).to.deep.equal(expected);
    expect(n[0], "product is norm of core").to.deep.equal(n[1]);
    expect(n[2], "square is norm of coreSquare").to.deep.equal(n[3]);
    expect(elementOf(n[5]) < P, "canonical").to.equal(true);
    expect(mod((got[7] as bigint) * a, P), "inverse").to.equal(a % P === 0n ? 0n : 1n);
    expect(zero).to.equal(a === 0n || a === P);
  }

  it("multiplies, squares, subtracts and inverts every pair of extreme and random elements", async () => {
    for (const a of numbers) await Promise.all(numbers.map((b) => check(a, b)));
  });

  it("is exact for products whose reduction carries into bit 384 again", async () => {
    // A square root of a small number: the product is about k 2^384 + something small, for some k.
    let found = 0;
    for (let v = C; found < 20; v += 1n) {
      const root = power(v, (P + 1n) / 4n);
      if ((root * root - v) % P !== 0n) continue;
      found++;
      await check(root, root);
      await check(P - root, root);
    }
  });

  it("stays exact over 1,000 products in a row, at 560 gas at most for each", async () => {
    for (const [a, b] of [
      [P - 1n, LIMIT - 1n],
      [random.below(P), random.below(P)],
    ] as [bigint, bigint][]) {
      const [n, gasUsed] = await harness.getFunction("chain")(words(a), words(b), 1000);
      expect(elementOf(n) % P).to.equal(mod(a * power(b, 1000n), P));
      expect(Number(gasUsed)).to.be.at.most(560);
    }
  });

  it("computes modulo the order", async () => {
    const edge = [0n, 1n, N - 1n, N, N + 1n, LIMIT - 1n, HIGH - 1n, HIGH, N - HIGH, random.below(N), random.below(N)];
    for (const a of edge) {
      for (const b of edge) {
        const [n, inRange] = await harness.getFunction("scalar")(words(a), words(b));
        const got = n.map(([h, l]: Words) => h * HIGH + l) as [bigint, bigint, bigint];
        expect(got[0]).to.equal((a * b) % N);
        expect((got[1] * a) % N).to.equal(a % N === 0n ? 0n : 1n);
        if (a < N && b < N) expect(got[2]).to.equal((a + b) % N);
        expect(inRange).to.equal(a > 0n && a < N);
      }
    }
  });
});

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = mod(base, P), e = exponent; e > 0n; e >>= 1n, b = (b * b) % P) if (e & 1n) result = (result * b) % P;
  return result;
}
