import { expect } from "chai";
import type { Contract } from "ethers";
import { ethers } from "hardhat";
import { bytesToHex } from "../../../executor/protocol/bytes";
import { cborHead, Major } from "../../../executor/protocol/cbor";
import { outcomeOf } from "../tensor/outcome";

describe("attestation/CborReader", () => {
  let harness: Contract;

  before(async () => {
    harness = (await ethers.deployContract("AttestationHarness")) as unknown as Contract;
  });

  it("reads the shortest head at every border", async () => {
    for (const value of [0n, 23n, 24n, 255n, 256n, 65535n, 65536n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 64n - 1n]) {
      const bytes = cborHead(Major.bytes, value);
      expect([...(await harness.getFunction("head")(bytesToHex(bytes), Major.bytes))]).to.deep.equal([
        value,
        BigInt(bytes.length),
      ]);
    }
  });

  for (const [what, hex, code] of [
    ["nothing", "0x", "CBOR_TRUNCATED"],
    ["another type", "0x41", "CBOR_TYPE_UNEXPECTED"],
    ["23 in two bytes", "0x1817", "CBOR_HEAD_NOT_MINIMAL"],
    ["255 in three bytes", "0x1900ff", "CBOR_HEAD_NOT_MINIMAL"],
    ["65535 in five bytes", "0x1a0000ffff", "CBOR_HEAD_NOT_MINIMAL"],
    ["2^32 - 1 in nine bytes", "0x1b00000000ffffffff", "CBOR_HEAD_NOT_MINIMAL"],
    ["a head cut short", "0x1a000000", "CBOR_TRUNCATED"],
    ["additional information 28", "0x1c", "CBOR_HEAD_UNSUPPORTED"],
    ["additional information 31", "0x1f", "CBOR_HEAD_UNSUPPORTED"],
  ] as const) {
    it(`refuses ${what}`, async () => {
      expect(await outcomeOf(harness, { method: "head", args: [hex, 0] })).to.deep.equal({ ok: false, code });
    });
  }

  it("says what was expected and what came", async () => {
    await expect(harness.getFunction("head")("0x41", 5))
      .to.be.revertedWithCustomError(harness, "CborTypeUnexpected")
      .withArgs(0, 5, 2);
  });
});
