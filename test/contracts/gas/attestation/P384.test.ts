import { createHash } from "node:crypto";
import { expect } from "chai";
import type { Contract } from "ethers";
import {
  encodeSignature,
  G,
  hex48,
  inverse,
  N,
  P,
  pointR,
  type Signature,
  signWith,
  times,
} from "../../../fixtures/attestation/curve";
import { Evm } from "../../../fixtures/attestation/evm";
import { seeded } from "../../../fixtures/attestation/seeded";
import { sharedData } from "../../../fixtures/attestation/sharedData";

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey: { readonly wx: string; readonly wy: string };
    readonly tests: readonly { tcId: number; comment: string; msg: string; sig: string; result: string }[];
  }[];
}

const AT_ONCE = 8;
const random = seeded("P384");
const LIMIT = 2n ** 384n;

describe("attestation/P384", () => {
  let evm: Evm;
  let p384: Contract;

  before(async function () {
    evm = await Evm.start(this);
    p384 = await evm.deploy("attestation/P384.sol", "P384");
  });

  after(() => evm?.stop());

  const verify = (signature: string): Promise<boolean> => p384.getFunction("verify")(`0x${signature}`);

  /** "valid" or the name of the error. */
  async function verifyAll(signatures: readonly string[], hints: readonly string[]): Promise<string> {
    try {
      await p384.getFunction("verifyAll").staticCall(`0x${signatures.join("")}`, `0x${hints.join("")}`);
      return "valid";
    } catch (error) {
      return p384.interface.parseError((error as { data: string }).data)?.name ?? "unknown";
    }
  }

  const sign = (): Signature => signWith(1n + random.below(N - 1n), random.below(LIMIT), 1n + random.below(N - 1n));
  const hintOf = (signature: Signature): string => hex48((pointR(signature) as { y: bigint }).y);
  const all = (signatures: readonly Signature[]): Promise<string> =>
    verifyAll(signatures.map(encodeSignature), signatures.map(hintOf));

  it("gives Wycheproof's verdict on all 280 cases of r ‖ s, alone and with a hint", async function () {
    const name = "testvectors_v1_ecdsa_secp384r1_sha384_p1363_test.json";
    const { testGroups } = JSON.parse(sharedData(this, "wycheproof", name)) as Wycheproof;
    const cases = testGroups.flatMap(({ publicKey, tests }) => tests.map((test) => ({ ...test, publicKey })));
    expect(cases.length).to.equal(280);
    const check = async ({ tcId, comment, msg, sig, result, publicKey }: (typeof cases)[number]): Promise<void> => {
      const [x, y] = [BigInt(`0x${publicKey.wx}`), BigInt(`0x${publicKey.wy}`)];
      const digest = createHash("sha384").update(Buffer.from(msg, "hex")).digest("hex");
      const signature = digest + sig + hex48(x) + hex48(y);
      expect(await verify(signature), `${tcId}: ${comment}`).to.equal(result === "valid");
      if (sig.length !== 192) return;
      const [r, s] = [BigInt(`0x${sig.slice(0, 96)}`), BigInt(`0x${sig.slice(96)}`)];
      // What no R exists for still needs a hint: any will do.
      const inRange = r > 0n && r < N && s > 0n && s < N;
      const point = inRange ? pointR({ e: BigInt(`0x${digest}`), r, s, x, y }) : undefined;
      const verdict = await verifyAll([signature], [hex48(point?.y ?? 1n)]);
      expect(verdict === "valid", `${tcId}: ${comment}: ${verdict}`).to.equal(result === "valid");
    };
    for (let i = 0; i < cases.length; i += AT_ONCE) await Promise.all(cases.slice(i, i + AT_ONCE).map(check));
  });

  it("verifies one to nine signatures at once, with low and high s", async () => {
    for (const count of [1, 2, 5, 9]) {
      const signatures = Array.from({ length: count }, sign);
      expect(await all(signatures)).to.equal("valid");
      const twins = signatures.map((v) => ({ ...v, s: N - v.s }));
      // The twin's R is the negative: another hint, and as valid.
      expect(await all(twins)).to.equal("valid");
    }
  });

  it("refuses the sum if any one of five is wrong in any part", async () => {
    const signatures = Array.from({ length: 5 }, sign);
    const hints = signatures.map(hintOf);
    for (let i = 0; i < 5; i++) {
      const v = signatures[i] as Signature;
      const other = signatures[(i + 1) % 5] as Signature;
      const wrong: [Signature, string, string][] = [
        [{ ...v, e: (v.e + 1n) % LIMIT }, hints[i] as string, "P384SignaturesInvalid"],
        [{ ...v, s: v.s === 1n ? 2n : v.s - 1n }, hints[i] as string, "P384SignaturesInvalid"],
        [{ ...v, x: other.x, y: other.y }, hints[i] as string, "P384SignaturesInvalid"],
        [{ ...v, y: P - v.y }, hints[i] as string, "P384SignaturesInvalid"],
        [v, hex48(P - BigInt(`0x${hints[i]}`)), "P384SignaturesInvalid"],
        [v, hints[(i + 1) % 5] as string, "P384HintInvalid"],
        [{ ...v, r: other.r }, hints[i] as string, "P384HintInvalid"],
        [{ ...v, r: other.r }, hints[(i + 1) % 5] as string, "P384SignaturesInvalid"],
      ];
      for (const [signature, hint, code] of wrong) {
        const list = signatures.map((each, j) => encodeSignature(j === i ? signature : each));
        const given = hints.map((each, j) => (j === i ? hint : each));
        expect(await verifyAll(list, given)).to.equal(code);
      }
    }
  });

  it("refuses two forgeries that would cancel each other out in a plain sum", async () => {
    // R1 + D and R2 - D: without weights the sum of the two claims would be infinite.
    const [a, b] = [sign(), sign()];
    const forged = [a, b].map((v) => ({ ...v, e: (v.e + (v === a ? v.s : N - v.s)) % N }));
    expect(await verifyAll(forged.map(encodeSignature), [a, b].map(hintOf))).to.equal("P384SignaturesInvalid");
  });

  it("refuses r and s out of range, zero above all, which verify for any key where nobody looks", async () => {
    const v = sign();
    for (const bad of [0n, N, N + 1n, LIMIT - 1n]) {
      for (const wrong of [
        { ...v, r: bad },
        { ...v, s: bad },
        { ...v, r: bad, s: bad },
      ]) {
        expect(await verify(encodeSignature(wrong))).to.equal(false);
        expect(await verifyAll([encodeSignature(wrong)], [hintOf(v)])).to.equal("P384ScalarOutOfRange");
      }
    }
  });

  it("refuses a key off the curve, from p on, or zero", async () => {
    const v = sign();
    const small = { x: 0n, y: 0n };
    for (const key of [
      { x: v.x, y: (v.y + 1n) % P },
      small,
      { x: v.x, y: P },
      { x: P, y: v.y },
      { x: LIMIT - 1n, y: 1n },
    ]) {
      const wrong = encodeSignature({ ...v, ...key });
      expect(await verify(wrong)).to.equal(false);
      expect(await verifyAll([wrong], [hintOf(v)])).to.equal("P384KeyInvalid");
    }
  });

  it("refuses a hint off the curve, and one from p on", async () => {
    const v = sign();
    const y = BigInt(`0x${hintOf(v)}`);
    for (const bad of [(y + 1n) % P, 0n, P, LIMIT - 1n]) {
      expect(await verifyAll([encodeSignature(v)], [hex48(bad)])).to.equal("P384HintInvalid");
    }
  });

  it("takes the x that is r + n, and knows it by its y", async () => {
    // A point whose x is n or above: x = n + r for a small r.
    let point: { x: bigint; y: bigint } | undefined;
    for (let x = N + 1n; point === undefined; x += 1n) {
      const square = (x ** 3n - 3n * x + b()) % P;
      const y = root(square);
      if ((y * y) % P === square) point = { x, y };
    }
    // Any s and e give a key for it: Q = (s R - e G) / r.
    const [r, s, e] = [point.x - N, 1n + random.below(N - 1n), random.below(N)];
    const R = G.subtract(G).add((G.constructor as typeof import("@noble/curves/p384").p384.Point).fromAffine(point));
    const key = times(times(R, s).subtract(times(G, e)), inverse(r, N)).toAffine();
    const signature = { e, r, s, ...key };
    expect(await verify(encodeSignature(signature))).to.equal(true);
    expect(await verifyAll([encodeSignature(signature)], [hex48(point.y)])).to.equal("valid");
    expect(await verifyAll([encodeSignature(signature)], [hex48(P - point.y)])).to.equal("P384SignaturesInvalid");
  });

  it("refuses a claim whose R is infinite", async () => {
    const key = 1n + random.below(N - 1n);
    const r = 1n + random.below(N - 1n);
    const v = { e: (N - ((r * key) % N)) % N, r, s: 12345n, ...times(G, key).toAffine() };
    expect(pointR(v)).to.equal(undefined);
    expect(await verify(encodeSignature(v))).to.equal(false);
  });

  it("verifies under keys that meet the base point: G, its negative, small multiples", async () => {
    for (const key of [1n, N - 1n, 2n, N - 2n, 3n, 127n, 255n]) {
      for (const k of [1n, 2n, N - 1n, key, random.below(N)]) {
        const v = signWith(key, random.below(N), k);
        expect(await verify(encodeSignature(v))).to.equal(true);
        expect(await all([v])).to.equal("valid");
        expect(await verify(encodeSignature({ ...v, e: v.e + 1n }))).to.equal(false);
      }
    }
  });

  it("refuses any other length", async () => {
    const [v, w] = [sign(), sign()];
    const [one, hint] = [encodeSignature(v), hintOf(v)];
    expect(await verify(one.slice(2))).to.equal(false);
    expect(await verify(`${one}00`)).to.equal(false);
    const ten = Array.from({ length: 10 }, () => one);
    for (const [signatures, hints] of [
      [[], []],
      [[one.slice(2)], [hint]],
      [[`${one}00`], [hint]],
      [[one], []],
      [[one], [`${hint}00`]],
      [[one, encodeSignature(w)], [hint]],
      [ten, ten.map(() => hint)],
    ]) {
      expect(await verifyAll(signatures as string[], hints as string[])).to.equal("P384Length");
    }
  });

  it("costs at most 2,900,000 gas for one, the transaction included", async () => {
    for (let i = 0; i < 3; i++) {
      const data = p384.interface.encodeFunctionData("verify", [`0x${encodeSignature(sign())}`]);
      const gas = await evm.provider.send("eth_estimateGas", [{ to: await p384.getAddress(), data }]);
      expect(Number(gas)).to.be.at.most(2_900_000);
    }
  });

  it("fits into a contract", async () => {
    expect((await evm.provider.getCode(p384)).length / 2 - 1).to.be.at.most(24_576);
  });
});

const b = (): bigint =>
  BigInt("0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef");

/** A square root modulo p, if there is one: p is 3 modulo 4. */
function root(square: bigint): bigint {
  let result = 1n;
  for (let base = square, e = (P + 1n) / 4n; e > 0n; e >>= 1n, base = (base * base) % P)
    if (e & 1n) result = (result * base) % P;
  return result;
}
