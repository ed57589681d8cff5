import { expect } from "chai";
import { type Contract, keccak256 } from "ethers";
import { isAssayError } from "../../../../executor/domain/errors";
import { bytesToHex } from "../../../../executor/protocol/bytes";
import { readCrl } from "../../../../executor/protocol/nitro/crl";
import { ruleOf } from "../../../../executor/protocol/nitro/verify";
import {
  CHAIN,
  chainOf,
  documentOf,
  extension,
  KEYS,
  type Key,
  keyOf,
  LEAF,
  NOW,
  payloadOf,
  ROOT_HASH,
  utcTime,
} from "../../../fixtures/attestation/chain";
import { type CrlParts, crlOf, REASON, revokedEntry, signedAs } from "../../../fixtures/attestation/crl";
import { der, derChildren, integer, octets, raw, sequence } from "../../../fixtures/attestation/der";
import { certificateParts, hintsOf } from "../../../fixtures/attestation/hints";
import { NitroEvm, type Verdict } from "../../../fixtures/attestation/nitroEvm";
import { outcomeOf } from "../../tensor/outcome";

const ACCEPTED: Verdict = { rule: "accepted", args: [] };
const key = (index: number): Key => KEYS[index] as Key;
const serialOf = (index: number): bigint =>
  BigInt(`0x${Buffer.from(certificateParts(CHAIN[index] as Uint8Array).serial).toString("hex")}`);
function twinRule(crl: Uint8Array): string {
  try {
    readCrl(crl);
    return "accepted";
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return ruleOf(error.code);
  }
}
const distributionPoint = (value: Uint8Array): Uint8Array => extension("551d1c", true, value);

describe("attestation/NitroRevocation", () => {
  let nitro: NitroEvm;
  let reader: Contract;
  let snapshot: string;
  const document = documentOf(payloadOf(CHAIN));

  before(async function () {
    nitro = await NitroEvm.start(this, ROOT_HASH);
    reader = await nitro.evm.deploy("mocks/X509Harness.sol", "X509Harness");
    await nitro.mine("cacheCertificates", [document, hintsOf(document)], NOW);
    snapshot = await nitro.evm.provider.send("evm_snapshot", []);
  });

  afterEach(async () => {
    await nitro.evm.provider.send("evm_revert", [snapshot]);
    snapshot = await nitro.evm.provider.send("evm_snapshot", []);
  });

  after(() => nitro?.stop());

  const verdict = (of = document): Promise<Verdict> => nitro.verdict(of, hintsOf(of), NOW);
  const revoke = async (issuer: Uint8Array, crl: Uint8Array): Promise<string> => {
    const data = nitro.verifier.interface.encodeFunctionData("revoke", [issuer, crl]);
    const { rule } = await nitro.call(data, NOW);
    // The TypeScript reader, which `assay enclave revoke` asks before gas is spent, reads the same lists.
    const isRead = rule === "accepted" || rule.startsWith("NitroCrl");
    expect(twinRule(crl)).to.equal(isRead ? "accepted" : rule);
    return rule;
  };
  /** Sends a list; how many serials were new. */
  async function send(issuer: Uint8Array, crl: Uint8Array): Promise<number> {
    const sent = await nitro.verifier.getFunction("revoke")(issuer, crl, { gasLimit: 16_777_216 });
    return (await sent.wait()).logs.length;
  }

  it("kills the certificate that its issuer's list names, at each place of the chain, cached or not", async () => {
    for (let index = 1; index <= LEAF; index++) {
      const issuer = key(index - 1);
      expect(await verdict()).to.deep.equal(ACCEPTED);
      expect(await send(issuer.publicKey, crlOf([1n, serialOf(index)], issuer))).to.equal(2);
      expect(await verdict()).to.deep.equal({ rule: "NitroRevoked", args: [BigInt(index)] });
      const serial = bytesToHex(certificateParts(CHAIN[index] as Uint8Array).serial);
      expect(await nitro.verifier.getFunction("isRevoked")(keccak256(issuer.publicKey), serial)).to.equal(true);
      await nitro.evm.provider.send("evm_revert", [snapshot]);
      snapshot = await nitro.evm.provider.send("evm_snapshot", []);
    }
  });

  it("can not be undone: by another list, by caching again, by a twin or a new certificate of that serial", async () => {
    const root = key(0);
    await send(root.publicKey, crlOf([serialOf(1)], root));
    expect(
      await send(
        root.publicKey,
        crlOf([], root, (p) => (p.entries = undefined)),
      ),
    ).to.equal(0);
    expect(await send(root.publicKey, crlOf([serialOf(1)], root))).to.equal(0);
    const again = await nitro.verdict(document, hintsOf(document), NOW, "cacheCertificates");
    expect(again).to.deep.equal({ rule: "NitroRevoked", args: [1n] });
    const renewed = chainOf({ 1: (p) => p.extensions?.pop() });
    expect((await verdict(documentOf(payloadOf(renewed)))).rule).to.equal("NitroRevoked");
  });

  it("does not touch the same serial of another issuer", async () => {
    const stranger = keyOf("stranger");
    for (const issuer of [stranger, key(1), key(2), key(3)]) {
      expect(await send(issuer.publicKey, crlOf([serialOf(1)], issuer))).to.equal(1);
    }
    expect(await verdict()).to.deep.equal(ACCEPTED);
  });

  it("reads serial numbers as numbers: a sign byte makes no other one", async () => {
    const high = 2n ** 127n + 5n;
    const chain = chainOf({ 1: (p) => (p.serial = integer(high)) });
    const of = documentOf(payloadOf(chain));
    expect(await verdict(of)).to.deep.equal(ACCEPTED);
    await send(key(0).publicKey, crlOf([high], key(0)));
    expect(await verdict(of)).to.deep.equal({ rule: "NitroRevoked", args: [1n] });
  });

  it("refuses a list that another key signed, and one changed afterwards", async () => {
    const root = key(0);
    const crl = crlOf([serialOf(1)], root);
    expect(await revoke(root.publicKey, crlOf([serialOf(1)], keyOf("stranger")))).to.equal("NitroCrlSignatureInvalid");
    expect(await revoke(key(1).publicKey, crl)).to.equal("NitroCrlSignatureInvalid");
    const at = Buffer.from(crl).indexOf(Buffer.from(serialOf(1).toString(16).padStart(32, "0"), "hex"));
    const changed = Uint8Array.from(crl);
    changed[at + 9] = (changed[at + 9] as number) ^ 1;
    expect(await revoke(root.publicKey, changed)).to.equal("NitroCrlSignatureInvalid");
    expect(await revoke(new Uint8Array(96), crl)).to.equal("NitroCrlSignatureInvalid");
    expect(await revoke(root.publicKey.subarray(1), crl)).to.equal("NitroCrlKeyLength");
  });

  it("never takes a certificate for a list, nor a list for a certificate", async () => {
    const root = key(0);
    expect(await revoke(root.publicKey, CHAIN[1] as Uint8Array)).to.equal("X509CrlVersion");
    const list = crlOf([1n], root);
    const outcome = await outcomeOf(reader, { method: "certificate", args: [list] });
    expect(outcome).to.deep.equal({ ok: false, code: "X509_VERSION" });
    // A document's signed bytes are no SEQUENCE at all.
    const structure = signedAs(raw("846a5369676e6174757265314401a10138"), root);
    expect(await revoke(root.publicKey, structure)).to.equal("DerTagUnexpected");
  });

  for (const [what, edit, expected] of [
    ["version 1", (p) => (p.version = raw("")), "X509CrlVersion"],
    ["version 3", (p) => (p.version = raw("020102")), "X509CrlVersion"],
    ["another algorithm inside", (p) => (p.algorithm = raw("300a06082a8648ce3d040302")), "X509SignatureAlgorithm"],
    ["no date at all", (p) => Object.assign(p, { thisUpdate: raw(""), nextUpdate: undefined }), "DerTagUnexpected"],
    ["a date that is none", (p) => (p.thisUpdate = raw("170d3234303233303030303030305a")), "X509TimeInvalid"],
    ["a delta", (p) => p.extensions?.push(extension("551d1b", true, raw("020101"))), "X509CrlExtension"],
    [
      "entries of another issuer",
      (p) => p.entries?.push(revokedEntry(integer(2n), extension("551d1d", true, sequence()))),
      "X509CrlExtension",
    ],
    [
      "a list of many issuers",
      (p) => p.extensions?.push(distributionPoint(sequence(raw("8401ff")))),
      "X509CrlExtension",
    ],
    ["a negative serial", (p) => p.entries?.push(revokedEntry(raw("0201ff"))), "DerIntegerInvalid"],
    ["an entry without a date", (p) => p.entries?.push(sequence(integer(2n))), "DerTruncated"],
    [
      "something behind an entry",
      (p) =>
        p.entries?.push(sequence(integer(2n), raw("170d3234303232303030303030305a"), sequence(REASON), raw("0500"))),
      "DerTrailingBytes",
    ],
    ["something behind the extensions", (p) => p.extensions?.push(raw("0500")), "DerTagUnexpected"],
  ] as [string, (parts: CrlParts) => void, string][]) {
    it(`refuses a list with ${what}`, async () => {
      expect(await revoke(key(0).publicKey, crlOf([1n], key(0), edit))).to.equal(expected);
    });
  }

  it("takes a list whatever its dates say: an old one revoked what it revoked", async () => {
    const root = key(0);
    const year = 365 * 86_400;
    for (const [thisUpdate, nextUpdate] of [
      [NOW - 10 * year, NOW - 9 * year],
      [NOW + year, NOW + 2 * year],
      // The other way round, which says nothing either.
      [NOW + year, NOW - year],
    ] as const) {
      const dated = crlOf([serialOf(1)], root, (p) =>
        Object.assign(p, { thisUpdate: utcTime(thisUpdate), nextUpdate: utcTime(nextUpdate) }),
      );
      expect(await revoke(root.publicKey, dated)).to.equal("accepted");
      expect(await send(root.publicKey, dated)).to.equal(1);
      expect((await verdict()).rule).to.equal("NitroRevoked");
      await nitro.evm.provider.send("evm_revert", [snapshot]);
      snapshot = await nitro.evm.provider.send("evm_snapshot", []);
    }
  });

  it("takes a distribution point of this issuer, no next date, no entries, no extensions", async () => {
    const point = distributionPoint(sequence(der(0xa0, der(0xa0, octets()))));
    for (const edit of [
      (p) => p.extensions?.push(point),
      (p) => (p.nextUpdate = undefined),
      (p) => (p.entries = undefined),
      (p) => (p.extensions = undefined),
      (p) => Object.assign(p, { nextUpdate: undefined, entries: undefined, extensions: undefined }),
      (p) => (p.entries = [revokedEntry(integer(3n))]),
    ] as ((parts: CrlParts) => void)[]) {
      const crl = crlOf([1n], key(0), edit);
      expect(await revoke(key(0).publicKey, crl)).to.equal("accepted");
      const [tbs] = await reader.getFunction("crl")(crl);
      expect(tbs).to.equal(bytesToHex(derChildren(crl)[0] as Uint8Array));
    }
  });
});
