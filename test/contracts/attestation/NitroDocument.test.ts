import { expect } from "chai";
import type { Contract } from "ethers";
import fc from "fast-check";
import { ethers } from "hardhat";
import { bytesToHex, hexToBytes } from "../../../executor/protocol/bytes";
import { cborBytes } from "../../../executor/protocol/cbor";
import { decodeCoseSign1 } from "../../../executor/protocol/cose";
import { decodeNitroPayload } from "../../../executor/protocol/nitroDocument";
import { payloadFields } from "../../../scripts/vectors/attestation";
import { readVectors } from "../../../scripts/vectors/write";
import { anyChange, mutate, SEED } from "../../executor/protocol/arbitraries";
import { codeOrValue } from "../../executor/protocol/expectCode";
import { realDocuments } from "../../executor/protocol/realDocuments";
import { outcomeOf, runs } from "../tensor/outcome";

interface Fields {
  moduleId: string;
  timestampMs: string;
  pcrs: Record<string, string>;
  certificate: string;
  cabundle: string[];
  publicKey: string;
  userData: string;
  nonce: string;
}

const vectors = JSON.parse(readVectors("attestation")) as {
  payloads: { name: string; payload: string; fields: Fields }[];
  malformedPayloads: { name: string; payload: string; code: string }[];
};

/** What the harness returns, in the form of the vectors. The bundle stays CBOR on the chain: its parts are compared so. */
function seenFields(value: unknown): Omit<Fields, "cabundle"> & { cabundle: string; cabundleCount: number } {
  const seen = value as Record<string, unknown>;
  const mask = Number(seen.pcrMask);
  const pcrs = [...(seen.pcrs as string[])].flatMap((bytes, i) => ((mask >>> i) & 1 ? [[String(i), bytes]] : []));
  return {
    moduleId: ethers.toUtf8String(seen.moduleId as string),
    timestampMs: String(seen.timestampMs),
    pcrs: Object.fromEntries(pcrs),
    certificate: seen.certificate as string,
    cabundle: seen.cabundle as string,
    cabundleCount: Number(seen.cabundleCount),
    publicKey: seen.publicKey as string,
    userData: seen.userData as string,
    nonce: seen.nonce as string,
  };
}

const onChain = (fields: Fields) => ({
  ...fields,
  cabundle: bytesToHex(Buffer.concat(fields.cabundle.map((part) => cborBytes(hexToBytes(part))))),
  cabundleCount: fields.cabundle.length,
});

describe("attestation/NitroDocument", () => {
  let harness: Contract;

  before(async () => {
    harness = (await ethers.deployContract("AttestationHarness")) as unknown as Contract;
  });

  for (const vector of vectors.payloads) {
    it(`reads ${vector.name}`, async () => {
      expect(seenFields(await harness.getFunction("payloadOf")(vector.payload))).to.deep.equal(onChain(vector.fields));
    });
  }

  for (const vector of vectors.malformedPayloads) {
    it(`refuses ${vector.name} as ${vector.code}`, async () => {
      expect(await outcomeOf(harness, { method: "payloadOf", args: [vector.payload] })).to.deep.equal({
        ok: false,
        code: vector.code,
      });
    });
  }

  it("refuses a PCR that the document does not have", async () => {
    const sparse = vectors.payloads.find((vector) => vector.name === "sparse PCRs") as { payload: string };
    for (const index of [3, 32, 2n ** 200n]) {
      await expect(harness.getFunction("pcr")(sparse.payload, index)).to.be.revertedWithCustomError(
        harness,
        "NitroPcrMissing",
      );
    }
  });

  it("names the key it expected and where", async () => {
    const bad = vectors.malformedPayloads.find((vector) => vector.name === "no PCRs") as { payload: string };
    const at = bad.payload.indexOf("647063727a") / 2 - 1; // "pcrz" with its head, where "pcrs" was.
    const expected = ethers.zeroPadBytes("0x6470637273", 32);
    await expect(harness.getFunction("payloadOf")(bad.payload))
      .to.be.revertedWithCustomError(harness, "NitroFieldUnexpected")
      .withArgs(at, expected);
  });

  it("reads the payloads of real AWS documents as TypeScript does", async function () {
    for (const { name, bytes } of realDocuments(this)) {
      const message = decodeCoseSign1(bytes, "ES384");
      const [payload, signature] = await harness.getFunction("cose")(bytes, true);
      expect(payload, name).to.equal(bytesToHex(message.payload));
      expect(signature, name).to.equal(bytesToHex(message.signature));
      const fields = payloadFields(decodeNitroPayload(message.payload)) as Fields;
      expect(seenFields(await harness.getFunction("payloadOf")(payload)), name).to.deep.equal(onChain(fields));
    }
  });

  it("gives the same verdict as TypeScript on near misses", async () => {
    const codes = new Set<string | undefined>();
    const payload = fc.constantFrom(...vectors.payloads.map((vector) => vector.payload));
    const property = fc.asyncProperty(payload, anyChange, fc.boolean(), async (good, change, early) => {
      // Most of a payload is opaque; half of the changes go into its first hundred bytes, where the structure is.
      const bytes = mutate(hexToBytes(good), early ? { ...change, at: change.at % 100 } : change);
      const outcome = await outcomeOf(harness, { method: "payloadOf", args: [bytesToHex(bytes)] });
      const code = codeOrValue(() => decodeNitroPayload(bytes));
      expect(outcome.ok ? undefined : outcome.code, bytesToHex(bytes)).to.equal(code);
      codes.add(code);
    });
    await fc.assert(property, { seed: SEED, numRuns: runs(500) });
    expect(codes.size, "the changes reach several rules").to.be.greaterThan(runs(6));
  });
});
