import { expect } from "chai";
import { planRevocation } from "../../../executor/app/revocation";
import { isAssayError } from "../../../executor/domain/errors";
import { CHAIN, documentOf, KEYS, type Key, keyOf, payloadOf } from "../../fixtures/attestation/chain";
import { crlOf } from "../../fixtures/attestation/crl";

const key = (index: number): Key => KEYS[index] as Key;
const certificate = (index: number): Uint8Array => CHAIN[index] as Uint8Array;

function codeOf(work: () => unknown): readonly unknown[] {
  try {
    work();
    return ["nothing was thrown"];
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return [error.code, error.context.rule];
  }
}

describe("app: revocation lists", () => {
  it("finds the issuer among certificates, and inside documents", () => {
    const crl = crlOf([5n, 2n ** 127n], key(2));
    for (const issuers of [[certificate(2)], [certificate(0), certificate(2)], [documentOf(payloadOf(CHAIN))]]) {
      const { issuerKey, serials } = planRevocation(crl, issuers);
      expect(Buffer.from(issuerKey)).to.deep.equal(Buffer.from(key(2).publicKey));
      expect(serials.map((serial) => Buffer.from(serial).toString("hex"))).to.deep.equal([
        "05",
        `80${"00".repeat(15)}`,
      ]);
    }
    expect(codeOf(() => planRevocation(crl, [certificate(1)]))[0]).to.equal("REVOCATION_ISSUER_UNKNOWN");
    expect(codeOf(() => planRevocation(crl, []))[0]).to.equal("REVOCATION_ISSUER_UNKNOWN");
  });

  it("asks for gas by the number of entries, and refuses what fits no transaction", () => {
    const of = (count: number): Uint8Array =>
      crlOf(
        Array.from({ length: count }, (_, i) => BigInt(i + 1)),
        key(0),
      );
    const [one, eleven] = [1, 11].map((count) => planRevocation(of(count), [certificate(0)]).gasLimit);
    expect(Number((eleven as bigint) - (one as bigint))).to.be.within(10 * 33_000, 10 * 50_000);
    expect(codeOf(() => planRevocation(of(400), [certificate(0)]))[0]).to.equal("REVOCATION_LIST_TOO_LARGE");
    expect(codeOf(() => planRevocation(of(0), [certificate(0)]))[0]).to.equal("REVOCATION_LIST_EMPTY");
  });

  it("names what is wrong with a list or an issuer that can not be read", () => {
    const crl = crlOf([5n], key(0));
    const cut = crl.subarray(0, -1);
    expect(codeOf(() => planRevocation(cut, [certificate(0)]))).to.deep.equal([
      "REVOCATION_LIST_MALFORMED",
      "DER_TRUNCATED",
    ]);
    const delta = crlOf([5n], key(0), (parts) => (parts.version = Buffer.from("020102", "hex")));
    expect(codeOf(() => planRevocation(delta, [certificate(0)]))[1]).to.equal("X509_CRL_VERSION");
    for (const issuer of [new Uint8Array(), Buffer.from("-----BEGIN"), certificate(0).subarray(1)])
      expect(codeOf(() => planRevocation(crl, [issuer]))[0]).to.equal("REVOCATION_ISSUER_UNREADABLE");
    const foreign = crlOf([5n], keyOf("stranger"));
    expect(codeOf(() => planRevocation(foreign, CHAIN))[0]).to.equal("REVOCATION_ISSUER_UNKNOWN");
  });
});
