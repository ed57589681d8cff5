import { X509Certificate } from "node:crypto";
import { expect } from "chai";
import type { Contract } from "ethers";
import { ethers } from "hardhat";
import { bytesToHex } from "../../../executor/protocol/bytes";
import {
  CHAIN,
  certificate,
  type Edit,
  extension,
  generalizedTime,
  KEYS,
  LEAF,
  NOW,
  partsOf,
  utcTime,
} from "../../fixtures/attestation/chain";
import { hex48 } from "../../fixtures/attestation/curve";
import { der, raw, sequence, text } from "../../fixtures/attestation/der";
import { certificateParts } from "../../fixtures/attestation/hints";
import { MALFORMED_CERTIFICATES } from "../../fixtures/attestation/malformedCertificates";
import { outcomeOf } from "../tensor/outcome";

const NO_LIMIT = 255n;

describe("attestation/X509Reader", () => {
  let harness: Contract;

  before(async () => {
    harness = (await ethers.deployContract("X509Harness")) as unknown as Contract;
  });

  const codeOf = async (method: string, bytes: Uint8Array): Promise<string> => {
    const outcome = await outcomeOf(harness, { method, args: [bytes] });
    return outcome.ok ? "accepted" : outcome.code;
  };
  const read = (bytes: Uint8Array) => harness.getFunction("certificate")(bytes);

  it("reads the development chain, which node:crypto reads and verifies too", async () => {
    for (const [i, bytes] of CHAIN.entries()) {
      const node = new X509Certificate(Buffer.from(bytes));
      const parent = new X509Certificate(Buffer.from(CHAIN[Math.max(0, i - 1)] as Uint8Array));
      expect(node.verify(parent.publicKey)).to.equal(true);
      expect(node.checkIssued(parent)).to.equal(true);
      expect(node.ca).to.equal(i !== LEAF);
      const seen = await read(bytes);
      const parts = certificateParts(bytes);
      expect(seen.tbs).to.equal(bytesToHex(parts.tbs));
      expect(seen.serial.slice(2)).to.equal(node.serialNumber.toLowerCase());
      expect(seen.publicKey).to.equal(bytesToHex((KEYS[i] as { publicKey: Uint8Array }).publicKey));
      expect(seen.signature).to.equal(`0x${hex48(parts.r)}${hex48(parts.s)}`);
      expect(Number(seen.notBefore) * 1000).to.equal(Date.parse(node.validFrom));
      expect(Number(seen.notAfter) * 1000).to.equal(Date.parse(node.validTo));
      expect(seen.isCa).to.equal(i !== LEAF);
      expect(seen.pathLength).to.equal([NO_LIMIT, 2n, 1n, 0n, NO_LIMIT][i]);
      expect(seen.keyUsage).to.equal([0x86n, 0x86n, 0x86n, 0x04n, 0xc0n][i]);
    }
  });

  const changed = (edit: Edit, index = LEAF): Uint8Array => {
    const parts = partsOf(index);
    edit(parts);
    return certificate(parts);
  };
  for (const [what, edit, code] of MALFORMED_CERTIFICATES) {
    it(`refuses ${what}`, async () => {
      expect(await codeOf("certificate", changed(edit))).to.equal(code);
    });
  }

  it("skips extensions that are not critical, and takes a CA for one only by critical basicConstraints", async () => {
    const bytes = changed((parts) => {
      parts.extensions = [
        extension("551d13", false, sequence(raw("0101ff020105"))),
        extension("551d1e", false, raw("0500")),
        extension("2a0304050607", false, raw("")),
      ];
    });
    const seen = await read(bytes);
    expect([seen.isCa, seen.pathLength, seen.keyUsage]).to.deep.equal([false, 5n, 0n]);
  });

  it("refuses another length of length, and anything behind the certificate", async () => {
    const good = CHAIN[LEAF] as Uint8Array;
    const body = good.subarray(4);
    const size = body.length;
    for (const [head, code] of [
      [raw("3080"), "DER_LENGTH_INVALID"],
      [Uint8Array.of(0x30, 0x83, 0, size >> 8, size & 0xff), "DER_LENGTH_INVALID"],
      [Uint8Array.of(0x30, 0x81, 0xff), "DER_TRAILING_BYTES"],
      [Uint8Array.of(0x30, 0x82, (size + 1) >> 8, (size + 1) & 0xff), "DER_TRUNCATED"],
      [Uint8Array.of(0x31, 0x82, size >> 8, size & 0xff), "DER_TAG_UNEXPECTED"],
    ] as [Uint8Array, string][]) {
      expect(await codeOf("certificate", Buffer.concat([head, body]))).to.equal(code);
    }
    expect(await codeOf("certificate", Buffer.concat([good, raw("00")]))).to.equal("DER_TRAILING_BYTES");
    expect(await codeOf("certificate", raw(""))).to.equal("DER_TRUNCATED");
    expect(await codeOf("certificate", raw("308100"))).to.equal("DER_LENGTH_INVALID");
    expect(await codeOf("certificate", raw("30820080"))).to.equal("DER_LENGTH_INVALID");
    expect(await codeOf("certificate", raw("3082"))).to.equal("DER_TRUNCATED");
  });

  it("refuses every certificate that is cut short anywhere", async () => {
    const good = CHAIN[LEAF] as Uint8Array;
    for (let length = 0; length < good.length; length += 3) {
      expect(await codeOf("certificate", good.subarray(0, length)), `${length} bytes`).to.not.equal("accepted");
    }
  });

  it("reads dates as the calendar has them", async () => {
    const days = [0, 59, 60, 365, 789, 11_016, 11_017, 16_860, 19_782, 20_089, 29_219, 47_540, 47_541];
    for (const day of days) {
      const seconds = day * 86_400 + 86_399;
      const forms = seconds < 2_524_608_000 ? [utcTime(seconds), generalizedTime(seconds)] : [generalizedTime(seconds)];
      for (const form of forms) {
        expect([...(await harness.getFunction("time")(form))]).to.deep.equal([BigInt(seconds), BigInt(form.length)]);
      }
    }
    const [last] = await harness.getFunction("time")(text(0x18, "99991231235959Z"));
    expect(Number(last)).to.equal(Date.UTC(9999, 11, 31, 23, 59, 59) / 1000);
    expect((await harness.getFunction("time")(text(0x17, "491231235959Z")))[0]).to.equal(2_524_607_999n);
    expect((await harness.getFunction("time")(text(0x17, "700101000000Z")))[0]).to.equal(0n);
    expect(Number((await harness.getFunction("time")(utcTime(NOW)))[0])).to.equal(NOW);
  });

  for (const [what, tag, value] of [
    ["30 February", 0x17, "240230000000Z"],
    ["29 February of a year that does not leap", 0x17, "230229000000Z"],
    ["29 February 2100", 0x18, "21000229000000Z"],
    ["31 April", 0x17, "240431000000Z"],
    ["day 0", 0x17, "240100000000Z"],
    ["month 0", 0x17, "240001000000Z"],
    ["month 13", 0x17, "241301000000Z"],
    ["24 hours", 0x17, "240101240000Z"],
    ["60 minutes", 0x17, "240101006000Z"],
    ["a leap second", 0x17, "240101000060Z"],
    ["1950, which two digits mean", 0x17, "500101000000Z"],
    ["1969", 0x18, "19691231235959Z"],
    ["a space for a digit", 0x17, "24 101000000Z"],
    ["a letter for a digit", 0x17, "2401010000:0Z"],
    ["an offset", 0x17, "2401010000+0000"],
    ["no seconds", 0x17, "2401010000Z"],
    ["a small z", 0x17, "240101000000z"],
    ["fractions of a second", 0x18, "20240101000000.5Z"],
    ["four digits under the tag of two", 0x17, "20240101000000Z"],
    ["two digits under the tag of four", 0x18, "240101000000Z"],
  ] as const) {
    it(`refuses as a time ${what}`, async () => {
      expect(await codeOf("time", text(tag, value))).to.equal("X509_TIME_INVALID");
    });
  }

  it("refuses as a time what has another tag", async () => {
    expect(await codeOf("time", text(0x16, "240101000000Z"))).to.equal("DER_TAG_UNEXPECTED");
    expect(await codeOf("time", der(0x17))).to.equal("X509_TIME_INVALID");
  });
});
