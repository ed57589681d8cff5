import { expect } from "chai";
import { AbiCoder, keccak256, Signature, TypedDataEncoder, toUtf8Bytes, Wallet } from "ethers";
import { hex32 } from "../../../executor/domain/ids";
import { hexToBytes } from "../../../executor/protocol/bytes";
import * as st from "../../../executor/protocol/statement";
import { decodeTerms, encodeTerms } from "../../../executor/protocol/terms";
import { protocolVectors } from "../../../scripts/vectors/protocol";
import { readVectors, vectorText } from "../../../scripts/vectors/write";

interface Vectors {
  hub: string;
  chainId: number;
  domain: string;
  registryDomain: string;
  requests: {
    name: string;
    terms: Record<string, string | number>;
    termsBytes: string;
    request: Record<string, string>;
    requestId: string;
    statement: Record<string, string | number>;
    statementHash: string;
    resultDigest: string;
    refusalDigest: string;
  }[];
  malformedTerms: { name: string; bytes: string }[];
  heartbeat: Record<string, string | number>;
}

const vectors = JSON.parse(readVectors("protocol")) as Vectors;

/** `uint64 a` and `bytes32 b` from an EIP-712 type string, in the shape that ethers wants: a second implementation to compare with. */
function fieldsOf(type: string): { name: string; type: string }[] {
  const inner = type.slice(type.indexOf("(") + 1, -1);
  return inner.split(",").map((field) => {
    const [fieldType, name] = field.split(" ") as [string, string];
    return { name, type: fieldType };
  });
}

describe("protocol/statement", () => {
  it("gives the committed vectors again", () => {
    expect(vectorText(protocolVectors())).to.equal(readVectors("protocol"));
  });

  const domain = { name: "Assay", version: "1", chainId: vectors.chainId, verifyingContract: vectors.hub };

  it("agrees with ethers on the domain", () => {
    expect(TypedDataEncoder.hashDomain(domain)).to.equal(vectors.domain);
  });

  for (const v of vectors.requests) {
    it(`agrees with ethers on the statement and refusal for ${v.name}`, () => {
      expect(TypedDataEncoder.hash(domain, { ResultStatement: fieldsOf(st.RESULT_TYPE) }, v.statement)).to.equal(
        v.resultDigest,
      );
      const refusal = {
        requestId: v.requestId,
        reason: 4,
        issuedAt: v.statement.issuedAt,
        expiresAt: v.statement.expiresAt,
      };
      expect(TypedDataEncoder.hash(domain, { Refusal: fieldsOf(st.REFUSAL_TYPE) }, refusal)).to.equal(v.refusalDigest);
    });

    it(`agrees with the ABI coder on the request id for ${v.name}`, () => {
      const r = v.request as {
        requester: string;
        salt: string;
        modelHash: string;
        inputHash: string;
        terms: string;
        rewardWei: string;
      };
      const id = keccak256(
        AbiCoder.defaultAbiCoder().encode(
          ["bytes32", "bytes32", "address", "bytes32", "bytes32", "bytes32", "bytes32", "uint96"],
          [
            keccak256(toUtf8Bytes("assay/request/1")),
            vectors.domain,
            r.requester,
            r.salt,
            r.modelHash,
            r.inputHash,
            keccak256(r.terms),
            r.rewardWei,
          ],
        ),
      );
      expect(id).to.equal(v.requestId);
    });

    it(`reads back the terms of ${v.name}`, () => {
      const terms = decodeTerms(hexToBytes(v.termsBytes));
      expect({ ...terms, refusalFeeWei: terms.refusalFeeWei.toString() }).to.deep.equal(v.terms);
      expect(Buffer.from(encodeTerms(terms)).toString("hex")).to.equal(v.termsBytes.slice(2));
    });
  }

  for (const bad of vectors.malformedTerms) {
    it(`refuses terms with ${bad.name}`, () => {
      expect(() => decodeTerms(hexToBytes(bad.bytes)))
        .to.throw()
        .with.property("code")
        .that.matches(/^TERMS_/);
    });
  }

  it("changes the digest with the chain, the hub and every field of the statement", () => {
    const first = vectors.requests[0];
    if (first === undefined) throw new Error("no vectors");
    const base = { ...first.statement, feeWei: 0n } as unknown as st.ResultStatement;
    const seen = new Set([st.typedDigest(hex32(vectors.domain), st.hashResult(base))]);
    for (const field of fieldsOf(st.RESULT_TYPE)) {
      const old = base[field.name as keyof st.ResultStatement];
      const changed =
        typeof old === "string"
          ? `${old.slice(0, -1)}${old.endsWith("0") ? "1" : "0"}`
          : typeof old === "bigint"
            ? old + 1n
            : (old as number) + 1;
      seen.add(
        st.typedDigest(hex32(vectors.domain), st.hashResult({ ...base, [field.name]: changed } as st.ResultStatement)),
      );
    }
    seen.add(st.typedDigest(hex32(vectors.registryDomain), st.hashResult(base)));
    expect(seen.size).to.equal(fieldsOf(st.RESULT_TYPE).length + 2);
  });

  it("signs what a wallet signs", async () => {
    const wallet = new Wallet(`0x${"42".repeat(32)}`);
    const h = vectors.heartbeat as {
      signer: string;
      counter: number;
      blockNumber: number;
      blockHash: string;
      digest: string;
    };
    const registry = {
      name: "AssayRegistry",
      version: "1",
      chainId: vectors.chainId,
      verifyingContract: `0x${"12".repeat(20)}`,
    };
    const signature = await wallet.signTypedData(registry, { Heartbeat: fieldsOf(st.HEARTBEAT_TYPE) }, h);
    expect(wallet.signingKey.sign(h.digest).serialized).to.equal(Signature.from(signature).serialized);
  });
});
