import { expect } from "chai";
import { keccak256 } from "ethers";
import {
  basicConstraints,
  CHAIN,
  certificate,
  chainOf,
  documentOf,
  type Edit,
  KEYS,
  type Key,
  keyOf,
  LEAF,
  NOW,
  name,
  partsOf,
  payloadOf,
  ROOT_HASH,
  signRaw,
  spki,
  utcTime,
} from "../../../fixtures/attestation/chain";
import { N } from "../../../fixtures/attestation/curve";
import { bitString, integer, sequence } from "../../../fixtures/attestation/der";
import { certificateParts, hintsOf } from "../../../fixtures/attestation/hints";
import { NitroEvm, type Verdict } from "../../../fixtures/attestation/nitroEvm";

const DAY = 86_400;
const HOUR = 3_600;
const ACCEPTED: Verdict = { rule: "accepted", args: [] };
const CA_SIGNATURES = 3;
const key = (index: number): Key => KEYS[index] as Key;

describe("attestation/NitroChain: the certificate cache", () => {
  let nitro: NitroEvm;
  let snapshot: string;
  const document = documentOf(payloadOf(CHAIN));
  const underChain = (chain: readonly Uint8Array[], signer?: Key): Uint8Array => documentOf(payloadOf(chain), signer);

  before(async function () {
    nitro = await NitroEvm.start(this, ROOT_HASH);
    await nitro.mine("cacheCertificates", [document, hintsOf(document)], NOW);
    snapshot = await nitro.evm.provider.send("evm_snapshot", []);
  });

  afterEach(async () => {
    await nitro.evm.provider.send("evm_revert", [snapshot]);
    snapshot = await nitro.evm.provider.send("evm_snapshot", []);
  });

  after(() => nitro?.stop());

  /** With hints for the leaf and the document alone. */
  const warm = (of: Uint8Array, seconds = NOW): Promise<Verdict> => nitro.verdict(of, hintsOf(of, 2), seconds);
  const full = (of: Uint8Array, seconds = NOW): Promise<Verdict> => nitro.verdict(of, hintsOf(of), seconds);
  const until = (index: number): Promise<bigint> => {
    const { tbs } = certificateParts(CHAIN[index] as Uint8Array);
    return nitro.verifier.getFunction("cachedUntil")(keccak256(tbs), keccak256(key(index - 1).publicKey));
  };

  it("spares the signatures of the CAs, whatever document comes under them", async () => {
    expect(await warm(document)).to.deep.equal(ACCEPTED);
    const other = keyOf("other enclave");
    const chain = chainOf({ [LEAF]: (p) => Object.assign(p, { key: spki(other.publicKey), serial: integer(99n) }) });
    expect(await warm(underChain(chain, other))).to.deep.equal(ACCEPTED);
    expect(await nitro.verdict(document, hintsOf(document, 1), NOW)).to.deep.equal({
      rule: "NitroHintMissing",
      args: [3n],
    });
  });

  it("takes all hints as well, so that filling the cache in between hinders nobody", async () => {
    for (let count = 2; count <= 5; count++) {
      expect(await nitro.verdict(document, hintsOf(document, count), NOW)).to.deep.equal(ACCEPTED);
    }
  });

  it("keeps each entry to the earliest end on its path", async () => {
    expect(await until(1)).to.equal(BigInt(NOW + 10 * DAY));
    expect(await until(2)).to.equal(BigInt(NOW + 2 * DAY));
    expect(await until(3)).to.equal(BigInt(NOW + DAY / 2));
    expect(await until(LEAF)).to.equal(0n);
  });

  it("adds nothing by a second filling, and nothing by one that fails", async () => {
    const sent = await nitro.verifier.getFunction("cacheCertificates")(document, hintsOf(document), {
      gasLimit: 16_777_216,
    });
    expect((await sent.wait()).logs.length).to.equal(0);
    const stranger = keyOf("stranger");
    const forged = underChain(
      chainOf({
        2: (p) => Object.assign(p, { serial: integer(7n), sign: (signed: Uint8Array) => signRaw(signed, stranger) }),
      }),
    );
    expect((await nitro.verdict(forged, hintsOf(forged), NOW, "cacheCertificates")).rule).to.equal("P384HintInvalid");
    const foreign = underChain(CHAIN, stranger);
    expect((await nitro.verdict(foreign, hintsOf(foreign), NOW, "cacheCertificates")).rule).to.equal("P384HintInvalid");
  });

  it("checks every date again: an expired certificate is refused though it is cached", async () => {
    // The leaf is made to outlive its CAs, so that theirs is the rule in question.
    const long = chainOf({ [LEAF]: (p) => (p.notAfter = utcTime(NOW + 30 * DAY)) });
    for (const [index, after] of [
      [3, DAY / 2],
      [2, 2 * DAY],
      [1, 10 * DAY],
    ] as const) {
      const end = NOW + after;
      const renewed: Record<number, Edit> = {};
      for (let i = index + 1; i < LEAF; i++) renewed[i] = (p) => (p.notAfter = utcTime(NOW + 30 * DAY));
      const chain = chainOf({ ...renewed, [LEAF]: (p) => (p.notAfter = utcTime(NOW + 30 * DAY)) });
      const of = underChain(chain);
      expect(await full(of, end + 1)).to.deep.equal({ rule: "NitroExpired", args: [BigInt(index), BigInt(end)] });
      expect(await full(of, end)).to.deep.equal(ACCEPTED);
    }
    expect((await warm(underChain(long), NOW + DAY / 2 + 1)).rule).to.equal("NitroExpired");
  });

  it("checks every date again: used before notBefore, as after a reorganisation", async () => {
    const early = chainOf({ [LEAF]: (p) => (p.notBefore = utcTime(NOW - 30 * DAY)) });
    expect(await warm(underChain(early), NOW - DAY)).to.deep.equal({
      rule: "NitroNotYetValid",
      args: [3n, BigInt(NOW - DAY / 2)],
    });
  });

  it("is not poisoned by the twin (r, n - s) of a certificate: both are one entry", async () => {
    const twins: Record<number, Edit> = {};
    for (let i = 1; i <= CA_SIGNATURES; i++) {
      twins[i] = (p) => (p.signature = ({ r, s }) => bitString(0, sequence(integer(r), integer(N - s))));
    }
    expect(await warm(underChain(chainOf(twins)))).to.deep.equal(ACCEPTED);
  });

  it("does not look at the signature of a cached certificate again: who signed these bytes is known", async () => {
    const resigned = underChain(chainOf({ 2: (p) => (p.sign = (signed) => signRaw(signed, keyOf("stranger"))) }));
    expect(await warm(resigned)).to.deep.equal(ACCEPTED);
  });

  it("knows nothing of a certificate whose signed bytes differ in anything", async () => {
    for (const edit of [
      (p) => (p.serial = integer(7n)),
      (p) => (p.notAfter = utcTime(NOW + 3 * DAY)),
      (p) => p.extensions?.splice(0, 1, basicConstraints(9)),
      (p) => p.extensions?.pop(),
    ] as Edit[]) {
      const of = underChain(chainOf({ 2: edit }));
      // The last entry is spared still; the changed one in the middle needs its hint.
      expect(await warm(of)).to.deep.equal({ rule: "NitroHintMissing", args: [1n] });
      expect(await nitro.verdict(of, hintsOf(of, 4), NOW)).to.deep.equal(ACCEPTED);
    }
  });

  it("does not let a cached certificate stand under another parent", async () => {
    const stranger = keyOf("stranger");
    // ca2's name with another key, signed by ca1: a parent that never signed ca3.
    const swapped = chainOf({ 2: (p) => (p.key = spki(stranger.publicKey)) });
    expect(await warm(underChain(swapped))).to.deep.equal({ rule: "NitroHintMissing", args: [1n] });
    expect((await full(underChain(swapped))).rule).to.equal("P384HintInvalid");
    // A parent of another name, though its key is the right one.
    const renamed = chainOf({ 2: (p) => (p.subject = name(["550403", "another zone"])) });
    expect(await full(underChain(renamed))).to.deep.equal({ rule: "NitroNameMismatch", args: [3n] });
  });

  it("keeps roles apart: a target is never cached, and a cached CA is no target", async () => {
    const [root, ca1, ca2, ca3] = CHAIN as Uint8Array[];
    const short = documentOf(payloadOf([root, ca1, ca2, ca3] as Uint8Array[]), key(3));
    expect(await full(short)).to.deep.equal({ rule: "NitroTargetIsCa", args: [3n] });
    const leaf = partsOf(LEAF);
    leaf.issuer = partsOf(LEAF).subject;
    leaf.subject = name(["550403", "under a target"]);
    leaf.sign = (signed) => signRaw(signed, key(LEAF));
    const chain = [...CHAIN, certificate(leaf)];
    expect((await full(underChain(chain))).rule).to.equal("NitroPathLength");
  });

  it("checks path lengths again on the path at hand", async () => {
    const tighter = chainOf({ 1: (p) => p.extensions?.splice(0, 1, basicConstraints(1)) });
    expect(await full(underChain(tighter))).to.deep.equal({ rule: "NitroPathLength", args: [1n, 1n] });
  });

  it("falls back to verifying where an entry has ended with the path it was made on", async () => {
    // ca1 is renewed with the same key and lives longer: ca2 and ca3 are the same bytes under the same keys.
    const renewed = chainOf({
      1: (p) => Object.assign(p, { notAfter: utcTime(NOW + 40 * DAY), serial: integer(77n) }),
    });
    const of = underChain(renewed);
    expect(await nitro.verdict(of, hintsOf(of, 2), NOW)).to.deep.equal({ rule: "NitroHintMissing", args: [0n] });
    await nitro.mine("cacheCertificates", [of, hintsOf(of)], NOW + HOUR);
    expect(await nitro.verdict(of, hintsOf(of, 2), NOW + HOUR)).to.deep.equal(ACCEPTED);
  });
});
