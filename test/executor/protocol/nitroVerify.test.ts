import { expect } from "chai";
import { keccak256 } from "ethers";
import { AWS_NITRO_ROOT } from "../../../executor/deployment/nitroRoot";
import { hex32 } from "../../../executor/domain/ids";
import { decodeCoseSign1 } from "../../../executor/protocol/cose";
import { verifyNitroDocument } from "../../../executor/protocol/nitro/verify";
import { readCertificate } from "../../../executor/protocol/nitro/x509";
import { decodeNitroPayload } from "../../../executor/protocol/nitroDocument";
import { CHAIN, chainOf, documentOf, NOW, payloadOf, ROOT_HASH, utcTime } from "../../fixtures/attestation/chain";
import { text } from "../../fixtures/attestation/der";
import { sharedFiles } from "../../fixtures/attestation/sharedData";

const root = hex32(ROOT_HASH);
const at = BigInt(NOW);
const ruleOf = (document: Uint8Array, seconds = at): string => {
  const verdict = verifyNitroDocument({ document, root, at: seconds });
  return verdict.ok ? "accepted" : verdict.rule;
};

describe("protocol/nitro/verify", () => {
  it("accepts the twelve real documents in the windows of their leaves, both ends included, and no second outside", function () {
    const documents = sharedFiles(this, "nitro", ".cose");
    expect(documents.length).to.equal(12);
    for (const { name, bytes } of documents) {
      const fields = decodeNitroPayload(decodeCoseSign1(bytes, "ES384").payload);
      const { notBefore, notAfter } = readCertificate(fields.certificate);
      const verdict = (seconds: bigint) =>
        verifyNitroDocument({ document: bytes, root: AWS_NITRO_ROOT.certificateHash, at: seconds });
      const rule = (seconds: bigint): string => {
        const said = verdict(seconds);
        return said.ok ? "accepted" : said.rule;
      };
      const own = verdict(fields.timestampMs / 1000n);
      expect(own.ok && own.claims.rootId, name).to.equal(AWS_NITRO_ROOT.rootId);
      expect(own.ok && own.claims.moduleId, name).to.equal(fields.moduleId);
      expect([rule(notBefore), rule(notAfter)], name).to.deep.equal(["accepted", "accepted"]);
      expect([rule(notBefore - 1n), rule(notAfter + 1n)], name).to.deep.equal(["NitroNotYetValid", "NitroExpired"]);
    }
  });

  it("returns what a document of the development chain claims, and the hash of its payload", () => {
    const payload = payloadOf(CHAIN);
    const verdict = verifyNitroDocument({ document: documentOf(payload), root, at });
    expect(verdict.ok && verdict.claims.payloadHash).to.equal(keccak256(payload));
    expect(verdict.ok && [...verdict.claims.pcrs.keys()].slice(0, 3)).to.deep.equal([0, 1, 2]);
  });

  it("refuses another root", () => {
    const verdict = verifyNitroDocument({
      document: documentOf(payloadOf(CHAIN)),
      root: AWS_NITRO_ROOT.certificateHash,
      at,
    });
    expect(verdict.ok ? "accepted" : verdict.rule).to.equal("NitroRootUnknown");
  });

  for (const [what, date] of [
    ["30 February", "300230000000Z"],
    ["29 February of no leap year", "270229000000Z"],
    ["month 0", "270001000000Z"],
    ["month 13", "271301000000Z"],
    ["hour 24", "270101240000Z"],
    ["second 60", "270101000060Z"],
    ["no Z", "2701010000000"],
    ["no digit", "2701010000 0Z"],
    ["fractions", "270101000000.0Z"],
    ["a year before 1970", "690101000000Z"],
  ] as const) {
    it(`refuses a date with ${what}`, () => {
      const document = documentOf(payloadOf(chainOf({ 2: (p) => (p.notBefore = text(0x17, date)) })));
      expect(ruleOf(document)).to.equal("X509TimeInvalid");
    });
  }

  it("takes 29 February of a leap year", () => {
    const document = documentOf(payloadOf(chainOf({ 2: (p) => (p.notBefore = text(0x17, "240229235959Z")) })));
    expect(ruleOf(document)).to.equal("accepted");
    const ended = documentOf(payloadOf(chainOf({ 2: (p) => (p.notAfter = utcTime(NOW - 1)) })));
    expect(ruleOf(ended)).to.equal("NitroExpired");
  });
});
