import { generateKeyPairSync } from "node:crypto";
import { expect } from "chai";
import type { Contract } from "ethers";
import { ethers } from "hardhat";
import { bytesToHex, hexToBytes } from "../../../executor/protocol/bytes";
import { decodeCoseSign1, signCoseSign1, sigStructure } from "../../../executor/protocol/cose";
import { encodeNitroPayload } from "../../../executor/protocol/nitroDocument";
import { rawP256Key } from "../../../executor/protocol/nitroDocumentVerify";
import { PAYLOAD } from "../../../scripts/vectors/attestation";
import { readVectors } from "../../../scripts/vectors/write";
import { outcomeOf } from "../tensor/outcome";

const vectors = JSON.parse(readVectors("attestation")) as {
  root: string;
  documents: { name: string; document: string; signed: string; rootId: string; payloadHash: string }[];
  malformedDocuments: { name: string; document: string; code: string }[];
};

const halves = (root: Uint8Array): [string, string] => [
  bytesToHex(root.subarray(0, 32)),
  bytesToHex(root.subarray(32)),
];

async function deploy(root: Uint8Array): Promise<Contract> {
  return (await ethers.deployContract("DevelopmentAttestationVerifier", halves(root))) as unknown as Contract;
}

describe("attestation/DevelopmentAttestationVerifier", () => {
  let verifier: Contract;

  before(async () => {
    verifier = await deploy(hexToBytes(vectors.root));
  });

  for (const vector of vectors.documents) {
    it(`takes ${vector.name} and returns every claim`, async () => {
      const claims = await verifier.getFunction("verify")(vector.document, "0x");
      const pcr = (index: number): string => bytesToHex(PAYLOAD.pcrs.get(index) as Uint8Array);
      expect([...claims]).to.deep.equal([
        vector.rootId,
        vector.payloadHash,
        PAYLOAD.timestampMs,
        PAYLOAD.moduleId,
        pcr(0),
        pcr(1),
        pcr(2),
        bytesToHex(PAYLOAD.publicKey),
        bytesToHex(PAYLOAD.userData),
        bytesToHex(PAYLOAD.nonce),
      ]);
      expect(await verifier.getFunction("rootId")()).to.equal(vector.rootId);
      expect(ethers.concat([await verifier.getFunction("rootX")(), await verifier.getFunction("rootY")()])).to.equal(
        vectors.root,
      );
    });
  }

  for (const vector of vectors.malformedDocuments) {
    it(`refuses ${vector.name} as ${vector.code}`, async () => {
      expect(await outcomeOf(verifier, { method: "verify", args: [vector.document, "0x"] })).to.deep.equal({
        ok: false,
        code: vector.code,
      });
    });
  }

  it("takes documents that node:crypto signs, and only under their own root", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const own = await deploy(rawP256Key(privateKey));
    // node:crypto leaves s high in about half of its signatures; ten documents have both with all but certainty.
    for (let i = 0; i < 10; i++) {
      const document = bytesToHex(
        signCoseSign1({ payload: encodeNitroPayload({ ...PAYLOAD, timestampMs: BigInt(i + 1) }), key: privateKey }),
      );
      expect((await own.getFunction("verify")(document, "0x")).timestampMs).to.equal(BigInt(i + 1));
      await expect(verifier.getFunction("verify")(document, "0x")).to.be.revertedWithCustomError(
        verifier,
        "DevelopmentSignatureInvalid",
      );
    }
  });

  it("refuses hints, which ES256 does not need", async () => {
    const [vector] = vectors.documents;
    await expect(verifier.getFunction("verify")(vector?.document, "0x00"))
      .to.be.revertedWithCustomError(verifier, "DevelopmentAuxNotEmpty")
      .withArgs(1);
  });

  it("refuses at deployment a root that is no point of the curve", async () => {
    const [x, y] = halves(hexToBytes(vectors.root));
    for (const [badX, badY] of [
      [x, x],
      [ethers.ZeroHash, ethers.ZeroHash],
      [ethers.toBeHex(2n ** 256n - 1n), y],
    ]) {
      await expect(deploy(hexToBytes(ethers.concat([badX as string, badY as string]))))
        .to.be.revertedWithCustomError(verifier, "DevelopmentRootNotOnCurve")
        .withArgs(badX, badY);
    }
  });

  it("signs over the same bytes as TypeScript for every form of the payload's head", async () => {
    const harness = (await ethers.deployContract("AttestationHarness")) as unknown as Contract;
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    for (const length of [1, 23, 24, 255, 256, 16_384]) {
      const payload = new Uint8Array(length).fill(7);
      const document = signCoseSign1({ payload, key: privateKey });
      const [, , signed] = await harness.getFunction("cose")(bytesToHex(document), false);
      expect(signed).to.equal(bytesToHex(sigStructure("ES256", decodeCoseSign1(document, "ES256").payload)));
    }
  });
});
