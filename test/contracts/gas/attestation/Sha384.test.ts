import { createHash } from "node:crypto";
import { expect } from "chai";
import type { Contract } from "ethers";
import { Evm } from "../../../fixtures/attestation/evm";
import { sharedData } from "../../../fixtures/attestation/sharedData";

const digestOf = ([h, l]: [bigint, bigint]): string =>
  h.toString(16).padStart(32, "0") + l.toString(16).padStart(64, "0");
const nodeDigest = (message: Uint8Array): string => createHash("sha384").update(message).digest("hex");
const pattern = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (7 * i + (i >> 5)) & 0xff));

describe("attestation/Sha384", () => {
  let evm: Evm;
  let harness: Contract;

  before(async function () {
    evm = await Evm.start(this);
    harness = await evm.deploy("mocks/P384Harness.sol", "P384Harness");
  });

  after(() => evm?.stop());

  const hashed = async (message: Uint8Array): Promise<string> =>
    digestOf((await harness.getFunction("sha384")(message)).digest);

  for (const file of ["SHA384ShortMsg.rsp", "SHA384LongMsg.upto2048bytes.rsp"]) {
    it(`gives every digest of NIST's ${file}`, async function () {
      const text = sharedData(this, "nist", file);
      const cases = [...text.matchAll(/Len = (\d+)\s+Msg = ([0-9a-f]+)\s+MD = ([0-9a-f]{96})/g)];
      expect(cases.length).to.be.greaterThan(15);
      for (const [, bits, message, digest] of cases) {
        const bytes = Buffer.from(String(message), "hex").subarray(0, Number(bits) / 8);
        expect(await hashed(bytes), `${bits} bits`).to.equal(digest);
      }
    });
  }

  it("pads right at every length around the ends of two blocks, over memory that is not clean", async () => {
    for (const length of [0, 1, 31, 32, 33, 95, 96, 110, 111, 112, 113, 127, 128, 129, 239, 240, 241, 255, 256, 257]) {
      expect(await hashed(pattern(length)), `${length} bytes`).to.equal(nodeDigest(pattern(length)));
      const [digest, left] = await harness.getFunction("sha384OfMemory")(pattern(length));
      expect(digestOf(digest), `${length} bytes in memory`).to.equal(nodeDigest(pattern(length)));
      expect(left, "the message is left alone").to.equal(`0x${pattern(length).toString("hex")}`);
    }
  });

  it("hashes words of all ones, where every sum carries", async () => {
    const message = Buffer.alloc(1000, 0xff);
    expect(await hashed(message)).to.equal(nodeDigest(message));
  });

  it("costs at most 32,000 gas for each block of a message of 4,500 bytes", async () => {
    const blocks = Math.ceil((4500 + 17) / 128);
    const { gasUsed } = await harness.getFunction("sha384")(pattern(4500));
    expect(Number(gasUsed) / blocks).to.be.at.most(32_000);
  });
});
