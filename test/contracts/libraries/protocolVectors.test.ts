import { expect } from "chai";
import { ethers } from "hardhat";
import { readVectors } from "../../../scripts/vectors/write";

interface Vectors {
  readonly domain: string;
  readonly registryDomain: string;
  readonly requests: readonly {
    readonly name: string;
    readonly terms: Readonly<Record<string, string | number>>;
    readonly termsBytes: string;
    readonly request: Readonly<
      Record<"requester" | "salt" | "modelHash" | "inputHash" | "terms" | "rewardWei", string>
    >;
    readonly requestId: string;
    readonly statement: Readonly<Record<string, string | number>>;
    readonly statementHash: string;
    readonly resultDigest: string;
    readonly refusalDigest: string;
  }[];
  readonly malformedTerms: readonly { readonly name: string; readonly bytes: string }[];
  readonly admission: Readonly<Record<string, string | number>>;
  readonly heartbeat: Readonly<Record<string, string | number>>;
}

const vectors = JSON.parse(readVectors("protocol")) as Vectors;
/** The hub caps what the library only reads: that case is its own (`HubCallbackGasTooHigh`). */
const CAPPED_BY_THE_HUB = "too much callback gas";

describe("the protocol's vectors in Solidity", () => {
  const statements = () => ethers.deployContract("MockStatements");
  const terms = () => ethers.deployContract("MockTerms");

  for (const v of vectors.requests) {
    it(`hashes ${v.name} as TypeScript does`, async () => {
      const mock = await statements();
      const { requester, salt, modelHash, inputHash, terms: bytes, rewardWei } = v.request;
      expect(
        await mock.getFunction("requestId")(vectors.domain, requester, salt, modelHash, inputHash, bytes, rewardWei),
      ).to.equal(v.requestId);
      const hash = await mock.getFunction("resultHash")(v.statement);
      expect(hash).to.equal(v.statementHash);
      expect(await mock.getFunction("digest")(vectors.domain, hash)).to.equal(v.resultDigest);
      const refusal = await mock.getFunction("refusalHash")(
        v.requestId,
        4,
        v.statement.issuedAt,
        v.statement.expiresAt,
      );
      expect(await mock.getFunction("digest")(vectors.domain, refusal)).to.equal(v.refusalDigest);
    });

    it(`reads the terms of ${v.name} as TypeScript wrote them`, async () => {
      const mock = await terms();
      const [fields, proofKind, inputKind] = await mock.getFunction("parse")(v.termsBytes);
      const read = { ...fields.toObject(), proofKind, inputKind } as Record<string, unknown>;
      for (const [name, value] of Object.entries(v.terms)) {
        if (name === "version") continue;
        const found = read[name];
        expect(typeof found === "bigint" ? found.toString() : String(found).toLowerCase(), name).to.equal(
          String(value),
        );
      }
    });
  }

  for (const { name, bytes } of vectors.malformedTerms.filter((bad) => bad.name !== CAPPED_BY_THE_HUB)) {
    it(`refuses terms with ${name}`, async () => {
      const mock = await terms();
      const hub = await ethers.getContractFactory("InferenceHub");
      await expect(mock.getFunction("parse")(bytes)).to.be.revertedWithCustomError(
        { interface: hub.interface },
        "HubTermsMalformed",
      );
    });
  }

  it("hashes admissions and heartbeats as TypeScript does", async () => {
    const mock = await statements();
    const { modelHash, signatureHash, issuedAt, expiresAt } = vectors.admission;
    const admission = await mock.getFunction("admissionHash")(modelHash, signatureHash, issuedAt, expiresAt);
    expect(await mock.getFunction("digest")(vectors.domain, admission)).to.equal(vectors.admission.digest);
    const { signer, counter, blockNumber, blockHash } = vectors.heartbeat;
    const beat = await mock.getFunction("heartbeatHash")(signer, counter, blockNumber, blockHash);
    expect(await mock.getFunction("digest")(vectors.registryDomain, beat)).to.equal(vectors.heartbeat.digest);
  });
});
