import { expect } from "chai";
import {
  basicConstraints,
  CHAIN,
  certificate,
  chainOf,
  documentOf,
  type Edit,
  edited,
  extension,
  generalizedTime,
  KEYS,
  type Key,
  keyOf,
  keyUsage,
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
import { N, P } from "../../../fixtures/attestation/curve";
import { bitString, integer, octets, secondsOf, sequence } from "../../../fixtures/attestation/der";
import { Evm } from "../../../fixtures/attestation/evm";
import { hintsOf } from "../../../fixtures/attestation/hints";
import { NitroEvm, type Verdict } from "../../../fixtures/attestation/nitroEvm";

const ACCEPTED: Verdict = { rule: "accepted", args: [] };
const key = (index: number): Key => KEYS[index] as Key;
const cert = (index: number): Uint8Array => CHAIN[index] as Uint8Array;

describe("attestation/NitroChain", () => {
  let nitro: NitroEvm;

  before(async function () {
    nitro = await NitroEvm.withTwin(this, ROOT_HASH);
  });

  after(async () => {
    await nitro?.stop();
    // Every document above was put to both verifiers.
    if (nitro !== undefined) expect(nitro.compared).to.be.greaterThan(20);
  });

  const verdict = (document: Uint8Array, seconds = NOW): Promise<Verdict> =>
    nitro.verdict(document, hintsOf(document), seconds);
  const rule = async (document: Uint8Array, seconds = NOW): Promise<string> => (await verdict(document, seconds)).rule;
  const underChain = (chain: readonly Uint8Array[], signer?: Key): Uint8Array => documentOf(payloadOf(chain), signer);

  it("accepts a chain of AWS's format, and shorter ones", async () => {
    expect(await verdict(underChain(CHAIN))).to.deep.equal(ACCEPTED);
    // The enclave's certificate straight under the root, and under one CA.
    for (const depth of [0, 1, 2]) {
      const leaf = partsOf(LEAF);
      leaf.issuer = partsOf(depth).subject;
      leaf.sign = (signed) => signRaw(signed, key(depth));
      expect(await verdict(underChain([...CHAIN.slice(0, depth + 1), certificate(leaf)]))).to.deep.equal(ACCEPTED);
    }
  });

  for (const [what, edits, expected] of [
    ["a CA that is none", { 2: (p) => p.extensions?.shift() }, { rule: "NitroNotCa", args: [2n] }],
    [
      "a CA by basicConstraints that are not critical",
      { 2: (p) => p.extensions?.splice(0, 1, extension("551d13", false, sequence(Uint8Array.of(1, 1, 0xff)))) },
      { rule: "NitroNotCa", args: [2n] },
    ],
    [
      "a CA that may not sign certificates",
      { 1: (p) => p.extensions?.splice(2, 1, keyUsage(0x82)) },
      { rule: "NitroKeyUsage", args: [1n, 0x82n] },
    ],
    ["a CA without keyUsage", { 3: (p) => p.extensions?.splice(2, 1) }, { rule: "NitroKeyUsage", args: [3n, 0n] }],
    [
      "a path length of 1 above two CAs",
      { 1: (p) => p.extensions?.splice(0, 1, basicConstraints(1)) },
      { rule: "NitroPathLength", args: [1n, 1n] },
    ],
    [
      "a path length of 0 above a CA",
      { 2: (p) => p.extensions?.splice(0, 1, basicConstraints(0)) },
      { rule: "NitroPathLength", args: [2n, 0n] },
    ],
    [
      "a target that is a CA",
      { [LEAF]: (p) => p.extensions?.splice(0, 1, basicConstraints()) },
      { rule: "NitroTargetIsCa", args: [4n] },
    ],
    [
      "a target that may not sign data",
      { [LEAF]: (p) => p.extensions?.splice(1, 1, keyUsage(0x40)) },
      { rule: "NitroKeyUsage", args: [4n, 0x40n] },
    ],
    ["a target without keyUsage", { [LEAF]: (p) => p.extensions?.pop() }, { rule: "NitroKeyUsage", args: [4n, 0n] }],
    [
      "an issuer that is not the subject above",
      { 2: (p) => (p.issuer = name(["550403", "somebody else"])) },
      { rule: "NitroNameMismatch", args: [2n] },
    ],
    [
      // The same name as PrintableString: equal for people, not for bytes.
      "an issuer spelled in another string type",
      { [LEAF]: (p) => (p.issuer = swapTag(p.issuer)) },
      { rule: "NitroNameMismatch", args: [4n] },
    ],
    ["r and s of zero", { 2: withSignature(0n, 0n) }, { rule: "P384ScalarOutOfRange", args: [1n] }],
    ["an s of n", { 3: withSignature(1n, N) }, { rule: "P384ScalarOutOfRange", args: [2n] }],
    ["an s of n + 1", { 3: withSignature(1n, N + 1n) }, { rule: "P384ScalarOutOfRange", args: [2n] }],
    [
      "a key off the curve",
      { 3: (p) => (p.key = spki(new Uint8Array(96).fill(7))) },
      { rule: "P384KeyInvalid", args: [3n] },
    ],
    ["a key from p on", { 3: (p) => (p.key = spki(beyondP())) }, { rule: "P384KeyInvalid", args: [3n] }],
    [
      "a critical extension that nobody knows",
      { 1: (p) => p.extensions?.push(extension("551d1e", true, octets())) },
      { rule: "X509ExtensionCritical" },
    ],
  ] as [string, Record<number, Edit>, { rule: string; args?: unknown[] }][]) {
    it(`refuses ${what}`, async () => {
      const document = underChain(chainOf(edits));
      const got = await verdict(document);
      expect(got.rule).to.equal(expected.rule);
      if (expected.args !== undefined) expect(got.args).to.deep.equal(expected.args);
    });
  }

  it("refuses a certificate that another key signed, at each place of the chain", async () => {
    for (let index = 1; index <= LEAF; index++) {
      const chain = chainOf({ [index]: (p) => (p.sign = (signed) => signRaw(signed, keyOf("stranger"))) });
      expect((await verdict(underChain(chain))).rule).to.equal("P384HintInvalid");
    }
    expect((await verdict(underChain(CHAIN, keyOf("stranger")))).rule).to.equal("P384HintInvalid");
  });

  it("refuses every certificate left out, repeated, or out of order", async () => {
    for (let index = 0; index < LEAF; index++) {
      const without = underChain(CHAIN.filter((_, i) => i !== index));
      expect(await rule(without)).to.equal(index === 0 ? "NitroRootUnknown" : "NitroNameMismatch");
      if (index === 0) continue;
      const twice = CHAIN.flatMap((each, i) => (i === index ? [each, each] : [each]));
      expect(await rule(underChain(twice))).to.be.oneOf(["NitroNameMismatch", "NitroPathLength"]);
      const swapped = [...CHAIN];
      [swapped[index], swapped[index - 1]] = [cert(index - 1), cert(index)];
      expect(await rule(underChain(swapped))).to.be.oneOf(["NitroNameMismatch", "NitroRootUnknown", "NitroPathLength"]);
    }
    // The target first, as most protocols have it.
    expect(await rule(underChain([...CHAIN].reverse()))).to.equal("NitroRootUnknown");
  });

  it("refuses the root once more inside the bundle, though it is signed by its parent", async () => {
    expect(await verdict(underChain([cert(0), ...CHAIN]))).to.deep.equal({ rule: "NitroSelfIssued", args: [1n] });
  });

  it("refuses a twin of the root: the pinned bytes are the root, not its key or name", async () => {
    const parts = partsOf(0);
    parts.signature = ({ r, s }) => bitString(0, sequence(integer(r), integer(N - s)));
    const twin = certificate(parts);
    expect(await rule(underChain([twin, ...CHAIN.slice(1)]))).to.equal("NitroRootUnknown");
    const stranger = keyOf("stranger");
    const foreign = chainOf({
      0: (p) =>
        Object.assign(p, { key: spki(stranger.publicKey), sign: (signed: Uint8Array) => signRaw(signed, stranger) }),
      1: (p) => (p.sign = (signed) => signRaw(signed, stranger)),
    });
    expect(await rule(underChain(foreign))).to.equal("NitroRootUnknown");
  });

  it("refuses a target that signs another target", async () => {
    const stranger = keyOf("stranger");
    const leaf = partsOf(LEAF);
    leaf.issuer = partsOf(LEAF).subject;
    leaf.subject = name(["550403", "another enclave"]);
    leaf.key = spki(stranger.publicKey);
    leaf.sign = (signed) => signRaw(signed, key(LEAF));
    expect(await verdict(underChain([...CHAIN, certificate(leaf)], stranger))).to.deep.equal({
      rule: "NitroPathLength",
      args: [1n, 2n],
    });
    // Where no path length is in the way, the CA bit is.
    const short = [cert(0), issue(LEAF, 0), certificate(leaf)];
    expect(await verdict(underChain(short, stranger))).to.deep.equal({ rule: "NitroNotCa", args: [1n] });
  });

  it("refuses the certificate of another document", async () => {
    const other = keyOf("other enclave");
    const chain = chainOf({ [LEAF]: (p) => (p.key = spki(other.publicKey)) });
    expect(await verdict(underChain(chain, other))).to.deep.equal(ACCEPTED);
    expect(await rule(underChain(chain, key(LEAF)))).to.equal("P384HintInvalid");
  });

  it("takes both ends of the validity of every certificate, the root's too, and no second more", async () => {
    const windows = CHAIN.map((_, i) => validity(i));
    for (const [index, [from, to]] of windows.entries()) {
      // All others are valid at these times only if theirs are widened.
      const wide: Record<number, Edit> = {};
      for (let i = 1; i <= LEAF; i++) {
        if (i === index) continue;
        wide[i] = (p) =>
          Object.assign(p, { notBefore: utcTime(NOW - 9_000 * DAY), notAfter: utcTime(NOW + 6_000 * DAY) });
      }
      const document = edited(wide);
      for (const seconds of [from, to]) expect(await verdict(document, seconds)).to.deep.equal(ACCEPTED);
      expect(await verdict(document, from - 1)).to.deep.equal({
        rule: "NitroNotYetValid",
        args: [BigInt(index), BigInt(from)],
      });
      expect(await verdict(document, to + 1)).to.deep.equal({
        rule: "NitroExpired",
        args: [BigInt(index), BigInt(to)],
      });
    }
  });

  it("takes GeneralizedTime for what it says", async () => {
    const document = edited({
      1: (p) => Object.assign(p, { notBefore: generalizedTime(NOW - 5), notAfter: generalizedTime(NOW + 5) }),
      [LEAF]: (p) => (p.notAfter = generalizedTime(Date.UTC(2100, 0, 1) / 1000)),
    });
    expect(await verdict(document)).to.deep.equal(ACCEPTED);
    expect(await rule(document, NOW + 6)).to.equal("NitroExpired");
    expect(await rule(document, NOW - 6)).to.equal("NitroNotYetValid");
  });

  it("does not mind the document's own clock: certificates are judged at the block's time", async () => {
    const old = documentOf(payloadOf(CHAIN, { timestampMs: 1n }));
    expect(await verdict(old)).to.deep.equal(ACCEPTED);
    expect(await rule(old, NOW + 3 * 3600)).to.equal("NitroExpired");
  });

  it("has room for a bundle of eight", async () => {
    const long = (count: number): Uint8Array => {
      const chain = [cert(0)];
      for (let i = 1; i < count; i++) chain.push(longCa(i));
      const leaf = partsOf(LEAF);
      leaf.issuer = count === 1 ? partsOf(0).subject : longName(count - 1);
      leaf.sign = (signed) => signRaw(signed, key(count === 1 ? 0 : 1));
      return underChain([...chain, certificate(leaf)]);
    };
    const eight = long(8);
    expect(await verdict(eight)).to.deep.equal(ACCEPTED);
  });

  it("refuses at deployment a root that is not AWS's anywhere but on a development chain", async function () {
    const evm = await Evm.start(this, 1);
    try {
      const [source, contract] = ["attestation/NitroAttestationVerifier.sol", "NitroAttestationVerifier"];
      const p384 = "0x00000000000000000000000000000000000000aa";
      const aws = await nitro.verifier.getFunction("AWS_NITRO_ROOT_G1")();
      const deployed = await evm.deploy(source, contract, [p384, aws]);
      expect(await deployed.getFunction("rootHash")()).to.equal(aws);
      const refused = await evm.deploy(source, contract, [p384, ROOT_HASH]).then(
        () => undefined,
        (error: unknown) => nitro.errors.parseError((error as { data: string }).data),
      );
      expect([refused?.name, ...(refused?.args ?? [])]).to.deep.equal(["NitroRootNotAllowed", ROOT_HASH, 1n]);
    } finally {
      await evm.stop();
    }
  });
});

const DAY = 86_400;

function withSignature(r: bigint, s: bigint): Edit {
  return (parts) => {
    parts.signature = () => bitString(0, sequence(integer(r), integer(s)));
  };
}

const beyondP = (): Uint8Array => Buffer.from((P + 1n).toString(16).padStart(96, "0").repeat(2), "hex");

/** The first UTF8String as a PrintableString. */
function swapTag(der: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(der);
  copy[copy.lastIndexOf(0x0c)] = 0x13;
  return copy;
}

/** A certificate of the chain, signed by the key of another. */
function issue(index: number, by: number): Uint8Array {
  const parts = partsOf(index);
  parts.issuer = partsOf(by).subject;
  parts.sign = (signed) => signRaw(signed, KEYS[by] as Key);
  return certificate(parts);
}

const longName = (i: number): Uint8Array => name(["550403", `ca ${i}`]);

/** A CA without a path length whose key is always the same. */
function longCa(i: number): Uint8Array {
  const parts = partsOf(1);
  parts.issuer = i === 1 ? partsOf(0).subject : longName(i - 1);
  parts.subject = longName(i);
  parts.extensions = [basicConstraints(), keyUsage(0x86)];
  parts.sign = (signed) => signRaw(signed, KEYS[i === 1 ? 0 : 1] as Key);
  return certificate(parts);
}

/** Validity of a certificate of the chain. */
function validity(index: number): [from: number, to: number] {
  const { notBefore, notAfter } = partsOf(index);
  return [secondsOf(notBefore), secondsOf(notAfter)];
}
