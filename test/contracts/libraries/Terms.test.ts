import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import fc from "fast-check";
import { concat, dataLength, getBytes, hexlify, id, recoverAddress, SigningKey, toBeHex, ZeroAddress, ZeroHash } from "ethers";
import hre from "hardhat";
import { HALF_ORDER, highS } from "../helpers/job";
import { encodeTerms, type TermsInput, termsFields } from "../helpers/terms";
import type { With } from "../helpers/world";

type Libraries = With<"encode" | "parse" | "recover" | "affordable">;

const fixture = async () => (await hre.ethers.deployContract("MockTerms")) as unknown as Libraries;

const bits = (n: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(n)) - 1n });
const word = fc.option(
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => hexlify(b)).filter((b) => b !== ZeroHash),
  { nil: undefined },
);

/** Terms with any parts; `retryUntil` follows its rule. */
const anyTerms: fc.Arbitrary<TermsInput> = fc
  .record({
    deadline: bits(40),
    retries: fc.boolean(),
    callbackGas: bits(32).map(Number),
    minTrust: bits(8).map(Number),
    assignedOperator: bits(32).map(Number),
    refusalFeeWei: bits(72),
    profile: word,
    imageId: word,
    contextRoot: word,
    refundTo: word.map((w) => (w === undefined ? undefined : hexlify(getBytes(w).slice(12)))),
  })
  .map(({ retries, profile, imageId, contextRoot, refundTo, ...t }) => ({
    ...t,
    retryUntil: retries && t.callbackGas > 0 ? t.deadline : 0n,
    ...(profile === undefined ? {} : { profile }),
    ...(imageId === undefined ? {} : { imageId }),
    ...(contextRoot === undefined ? {} : { contextRoot }),
    ...(refundTo === undefined || refundTo === ZeroAddress ? {} : { refundTo }),
  }));

describe("libraries/Terms", () => {
  it("encodes as the protocol says and parses back, for any fields", async () => {
    const lib = await loadFixture(fixture);
    await fc.assert(
      fc.asyncProperty(anyTerms, async (t) => {
        const packed = encodeTerms(t);
        expect(await lib.encode(termsFields(t))).to.equal(packed);
        const [fields, proofKind, inputKind] = await lib.parse(packed);
        const f = termsFields(t);
        expect([...fields].map((x) => String(x).toLowerCase())).to.deep.equal(Object.values(f).map((x) => String(x)));
        expect([proofKind, inputKind]).to.deep.equal([0n, 0n]);
      }),
      { numRuns: 150, seed: 3 },
    );
  });

  it("is one encoding: no other bytes parse to the same length and flags", async () => {
    const lib = await loadFixture(fixture);
    const deadline = 5_000n;
    const part = id("part");
    const malformed = [
      "0x",
      "0x01",
      encodeTerms({ deadline, version: 0 }),
      encodeTerms({ deadline, version: 2 }),
      encodeTerms({ deadline }).slice(0, -2),
      concat([encodeTerms({ deadline }), "0x00"]),
      encodeTerms({ deadline, flags: 1 }),
      encodeTerms({ deadline, flags: 0, profile: part }),
      encodeTerms({ deadline, profile: ZeroHash }),
      encodeTerms({ deadline, imageId: ZeroHash }),
      encodeTerms({ deadline, contextRoot: ZeroHash }),
      encodeTerms({ deadline, refundTo: ZeroAddress }),
      encodeTerms({ deadline, profile: part, imageId: ZeroHash }),
      encodeTerms({ deadline, profile: part }).slice(0, -2),
      concat([encodeTerms({ deadline, profile: part }), "0x00"]),
      ...[4, 5, 6, 7].map((bit) => encodeTerms({ deadline, flags: 1 << bit })),
      encodeTerms({ deadline, retryUntil: deadline }),
      encodeTerms({ deadline, retryUntil: deadline - 1n, callbackGas: 1 }),
    ];
    for (const terms of malformed) {
      const head = getBytes(terms).slice(0, 32);
      const padded = hexlify(new Uint8Array(32).map((_, i) => head[i] ?? 0));
      await expect(lib.parse(terms), terms)
        .to.be.revertedWithCustomError({ interface: (await hre.ethers.getContractAt("IInferenceHubErrors", ZeroAddress)).interface }, "HubTermsMalformed")
        .withArgs(dataLength(terms), padded);
    }
    await lib.parse(encodeTerms({ deadline, retryUntil: deadline, callbackGas: 1 }));
  });
});

describe("libraries/Proofs", () => {
  const digest = id("digest");

  it("recovers as ethers does, for any key", async () => {
    const lib = await loadFixture(fixture);
    for (let i = 0; i < 40; i += 1) {
      const key = new SigningKey(id(`key ${i}`));
      const signature = key.sign(digest);
      expect(await lib.recover(digest, signature.compactSerialized)).to.equal(recoverAddress(digest, signature));
    }
  });

  it("answers 0 for a high s, a wrong length, and points that do not exist", async () => {
    const lib = await loadFixture(fixture);
    const proof = new SigningKey(id("key")).sign(digest).compactSerialized;
    const r = proof.slice(0, 66);
    for (const bad of [
      "0x",
      proof.slice(0, -2),
      `${proof}00`,
      highS(proof).full,
      concat([r, toBeHex(HALF_ORDER + 1n, 32)]),
      concat([r, toBeHex((1n << 255n) - 1n, 32)]),
      concat([r, ZeroHash]),
      concat([ZeroHash, toBeHex(1n, 32)]),
      concat([toBeHex((1n << 256n) - 1n, 32), toBeHex(1n, 32)]),
    ]) {
      expect(await lib.recover(digest, bad), bad).to.equal(ZeroAddress);
    }
    expect(await lib.recover(digest, concat([r, toBeHex(HALF_ORDER, 32)]))).to.not.equal(ZeroAddress);
  });
});

describe("libraries/Callback", () => {
  it("affords a batch item only with room for the call, its memory and the record", async () => {
    const lib = await loadFixture(fixture);
    const can = async (callbackGas: number, length: number, gasLimit: number) =>
      (await lib.affordable(callbackGas, length, { gasLimit }))[0];
    expect(await can(1_000_000, 32, 1_090_000)).to.equal(false);
    expect(await can(1_000_000, 32, 1_130_000)).to.equal(true);
    expect(await can(1_000_000, 600_000, 1_130_000)).to.equal(false);
  });
});
