import { createHash } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import { isAssayError } from "../../../executor/domain/errors";
import { hex32 } from "../../../executor/domain/ids";
import { cidFromSha256, sha256FromCid } from "../../../executor/protocol/cid";

const sha256 = (text: string) => hex32(`0x${createHash("sha256").update(text).digest("hex")}`);

/** As `ipfs add --cid-version 1 --raw-leaves` prints them; checked against a second base32 encoder. */
const KNOWN = [
  { text: "", cid: "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku" },
  { text: "hello world", cid: "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e" },
];

describe("protocol/cid", () => {
  for (const { text, cid } of KNOWN) {
    it(`agrees with IPFS on ${JSON.stringify(text)}`, () => {
      expect(cidFromSha256(sha256(text))).to.equal(cid);
      expect(sha256FromCid(cid)).to.equal(sha256(text));
    });
  }

  it("gives every hash back", () => {
    const hash = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map((bytes) => hex32(`0x${Buffer.from(bytes).toString("hex")}`));
    fc.assert(
      fc.property(hash, (value) => sha256FromCid(cidFromSha256(value)) === value),
      { seed: 1 },
    );
  });

  const refused = {
    "a CIDv0": "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
    "another codec (dag-pb)": "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
    "upper case": "BAFKREIHDWDCEFGH4DQKJV67UZCMW7OJEE6XEDZDETOJUZJEVTENXQUVYKU",
    "padding bits that are set": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvykv",
    "a digit too few": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk",
    "a trailing line feed": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku\n",
    nothing: "",
  };
  for (const [what, cid] of Object.entries(refused)) {
    it(`refuses ${what}`, () => {
      expect(() => sha256FromCid(cid))
        .to.throw()
        .that.satisfies((error: unknown) => isAssayError(error, "CID_UNSUPPORTED"));
    });
  }
});
