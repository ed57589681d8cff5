import { expect } from "chai";
import type { Contract } from "ethers";
import { G, inverse, N, P, type Point, times, type Words, words } from "../../../fixtures/attestation/curve";
import { Evm } from "../../../fixtures/attestation/evm";
import { seeded } from "../../../fixtures/attestation/seeded";

const WORD = 2n ** 256n;
const mod = (value: bigint): bigint => ((value % P) + P) % P;

interface Affine {
  readonly x: bigint;
  readonly y: bigint;
}
function same(a: Affine, b: Affine): void {
  expect([a.x, a.y]).to.deep.equal([b.x, b.y]);
}

/** What Jacobian coordinates mean; undefined for infinity, whose form is checked. */
function affineOf(n: readonly Words[]): Affine | undefined {
  const [x, y, z] = n.map(([h, l]) => h * WORD + l) as [bigint, bigint, bigint];
  if (z % P === 0n) {
    expect([z, mod(x)], "infinity is X a multiple of p and Z = 0").to.deep.equal([0n, 0n]);
    return undefined;
  }
  const i = inverse(z, P);
  return { x: mod(x * i * i), y: mod(y * i * i * i) };
}

describe("attestation/P384Sum", () => {
  let evm: Evm;
  let harness: Contract;
  const random = seeded("P384Sum");
  const pair = ({ x, y }: Affine): [Words, Words] => [words(x), words(y)];
  const jacobian = ({ x, y }: Affine, z: bigint): [Words, Words, Words] => [
    words(mod(x * z * z)),
    words(mod(y * z * z * z)),
    words(z),
  ];
  const infinity = (x = 0n): [Words, Words, Words] => [words(x), words(1n), words(0n)];

  before(async function () {
    evm = await Evm.start(this);
    harness = await evm.deploy("mocks/P384Harness.sol", "P384Harness");
  });

  after(() => evm?.stop());

  const step = async (sum: readonly Words[], point: Affine, double: boolean): Promise<Affine | undefined> =>
    affineOf(await harness.getFunction("step")(sum, pair(point), double));

  it("doubles and adds as the group does, whatever Z is", async () => {
    for (let i = 0; i < 10; i++) {
      const [a, b] = [times(G, random.below(N)), times(G, random.below(N))];
      for (const z of [1n, P - 1n, random.below(P), 2n ** 383n]) {
        same((await step(jacobian(a.toAffine(), z), b.toAffine(), true)) as Affine, a.double().toAffine());
        same((await step(jacobian(a.toAffine(), z), b.toAffine(), false)) as Affine, a.add(b).toAffine());
      }
    }
  });

  it("adds a point to itself, to its negative and to infinity, in every spelling of each", async () => {
    const a = times(G, random.below(N));
    const point = a.toAffine();
    const negative = a.negate().toAffine();
    for (const z of [1n, P - 1n, random.below(P)]) {
      same((await step(jacobian(point, z), point, false)) as Affine, a.double().toAffine());
      expect(await step(jacobian(negative, z), point, false)).to.equal(undefined);
      // The same coordinates as numbers from p on, where there is room for them below 2^384.
      const unreduced = jacobian({ x: point.x, y: point.y }, 1n).map(([h, l]) => h * WORD + l) as [
        bigint,
        bigint,
        bigint,
      ];
      if (unreduced[0] + P < 2n ** 384n) unreduced[0] += P;
      same((await step(unreduced.map(words), point, false)) as Affine, a.double().toAffine());
    }
    for (const x of [0n, P]) {
      same((await step(infinity(x), point, false)) as Affine, point);
      expect(await step(infinity(x), point, true)).to.equal(undefined);
    }
  });

  async function check(terms: readonly { scalar: bigint; point: Point }[], base: bigint): Promise<void> {
    const scalars = terms.map(({ scalar }) => words(scalar));
    const points = terms.map(({ point }) => pair(point.toAffine()));
    const [n, infinite] = await harness.getFunction("sumOf")(scalars, points, words(base));
    const expected = terms.reduce((sum, { scalar, point }) => sum.add(times(point, scalar)), times(G, base));
    expect(infinite).to.equal(expected.is0());
    if (expected.is0()) expect(affineOf(n)).to.equal(undefined);
    else same(affineOf(n) as Affine, expected.toAffine());
  }

  it("sums random multiples of up to eighteen points", async () => {
    for (const count of [0, 1, 2, 5, 18]) {
      const terms = Array.from({ length: count }, () => ({
        scalar: random.below(N),
        point: times(G, random.below(N)),
      }));
      await check(terms, random.below(N));
    }
  });

  it("takes every scalar, also 0, 1, n, and those whose digits carry to the top", async () => {
    const edge = [
      0n,
      1n,
      2n,
      15n,
      16n,
      17n,
      31n,
      127n,
      128n,
      129n,
      255n,
      N - 1n,
      N,
      N + 1n,
      2n ** 384n - 1n,
      2n ** 383n,
    ];
    const point = times(G, random.below(N));
    for (const scalar of [...edge, 2n ** 256n, 2n ** 256n - 1n, 2n ** 256n - 16n]) {
      await check([{ scalar, point }], 0n);
      await check([], scalar);
    }
  });

  it("meets equal, opposite and infinite operands in the middle of the pass", async () => {
    const point = times(G, random.below(N));
    const k = random.below(N);
    // The same digits at the same bits: each addition is of a point to itself, or brings the sum back to infinity.
    await check(
      [
        { scalar: k, point },
        { scalar: k, point },
      ],
      0n,
    );
    await check(
      [
        { scalar: k, point },
        { scalar: k, point: point.negate() },
      ],
      0n,
    );
    await check(
      [
        { scalar: k, point },
        { scalar: N - k, point },
      ],
      0n,
    );
    for (const scalar of [1n, 2n, 3n, 5n, 127n, k]) {
      await check([{ scalar, point: G }], scalar);
      await check([{ scalar, point: G.negate() }], scalar);
      await check([{ scalar, point: G }], N - scalar);
      await check(
        [
          { scalar: 1n, point: G },
          { scalar: 1n, point: G.negate() },
          { scalar, point },
        ],
        0n,
      );
    }
    for (const d of [2n, 3n, 15n, 16n, 17n, N - 2n]) await check([{ scalar: k, point: times(G, d) }], k);
  });

  it("refuses to run over memory that is in use", async () => {
    expect(await harness.getFunction("reserveAfter")(0x3000, 18)).to.equal(0x3000n);
    for (const [allocated, terms] of [
      [0x4000, 1],
      [0, 19],
    ]) {
      await expectCode(harness.getFunction("reserveAfter").staticCall(allocated, terms), harness, "P384ArenaMisused");
    }
  });
});

async function expectCode(call: Promise<unknown>, contract: Contract, name: string): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason as { data?: string },
  );
  expect(contract.interface.parseError(error?.data ?? "0x")?.name).to.equal(name);
}
