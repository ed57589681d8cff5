import { expect } from "chai";
import { keccak256 } from "ethers";
import { AWS_NITRO_ROOT } from "../../../../executor/deployment/nitroRoot";
import { bytesToHex } from "../../../../executor/protocol/bytes";
import { decodeCoseSign1 } from "../../../../executor/protocol/cose";
import { decodeNitroPayload } from "../../../../executor/protocol/nitroDocument";
import { N } from "../../../fixtures/attestation/curve";
import { derChildren, secondsOf } from "../../../fixtures/attestation/der";
import { certificateParts, hintsOf } from "../../../fixtures/attestation/hints";
import { NitroEvm } from "../../../fixtures/attestation/nitroEvm";
import { sharedBytes, sharedFiles } from "../../../fixtures/attestation/sharedData";

interface Real {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly aux: string;
  readonly seconds: number;
}

const LARGEST_BYTES = 7539;
const LEAF = 4;
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

describe("attestation/NitroAttestationVerifier: real documents", () => {
  let nitro: NitroEvm;
  let documents: Real[];

  before(async function () {
    const root = sharedBytes(this, "nitro", "aws-nitro-root-g1.der");
    documents = sharedFiles(this, "nitro", ".cose").map(({ name, bytes }) => {
      const { timestampMs } = decodeNitroPayload(decodeCoseSign1(bytes, "ES384").payload);
      return { name, bytes, aux: hintsOf(bytes), seconds: Number(timestampMs / 1000n) };
    });
    documents.sort((a, b) => a.seconds - b.seconds);
    nitro = await NitroEvm.withTwin(this, keccak256(root));
    expect(await nitro.verifier.getFunction("AWS_NITRO_ROOT_G1")()).to.equal(keccak256(root));
    expect(AWS_NITRO_ROOT.certificateHash).to.equal(keccak256(root));
    expect(AWS_NITRO_ROOT.rootId).to.equal(keccak256(certificateParts(root).publicKey));
  });

  after(async () => {
    await nitro?.stop();
    // Every document above was put to both verifiers.
    if (nitro !== undefined) expect(nitro.compared).to.be.greaterThan(20);
  });

  it("accepts all twelve at their own time and returns what they say", async () => {
    expect(documents.length).to.equal(12);
    for (const { name, bytes, aux, seconds } of documents) {
      const data = nitro.verifier.interface.encodeFunctionData("verify", [bytes, aux]);
      const result = await nitro.evm.callAt(await nitro.verifier.getAddress(), data, seconds);
      expect(result.ok, name).to.equal(true);
      const [claims] = nitro.verifier.interface.decodeFunctionResult("verify", result.data);
      const { payload } = decodeCoseSign1(bytes, "ES384");
      const fields = decodeNitroPayload(payload);
      const rootKey = certificateParts(fields.cabundle[0] as Uint8Array).publicKey;
      const pcr = (index: number): string => bytesToHex(fields.pcrs.get(index) as Uint8Array);
      expect([...claims], name).to.deep.equal([
        keccak256(rootKey),
        keccak256(payload),
        fields.timestampMs,
        fields.moduleId,
        pcr(0),
        pcr(1),
        pcr(2),
        bytesToHex(fields.publicKey),
        bytesToHex(fields.userData),
        bytesToHex(fields.nonce),
      ]);
      for (const [index, value] of fields.pcrs) {
        expect(await nitro.verifier.getFunction("pcrOf")(bytes, index)).to.equal(bytesToHex(value));
      }
    }
  });

  it("accepts each to the last second of its leaf's window, and refuses one second outside", async () => {
    for (const { name, bytes, aux } of documents) {
      const { certificate } = decodeNitroPayload(decodeCoseSign1(bytes, "ES384").payload);
      const [from, to] = window(certificate);
      for (const seconds of [from, to]) {
        expect((await nitro.verdict(bytes, aux, seconds)).rule, name).to.equal("accepted");
      }
      const early = await nitro.verdict(bytes, aux, from - 1);
      expect(early, name).to.deep.equal({ rule: "NitroNotYetValid", args: [BigInt(LEAF), BigInt(from)] });
      const late = await nitro.verdict(bytes, aux, to + 1);
      // The instance's certificate may end at the very second at which the enclave's does.
      expect(late.rule, name).to.equal("NitroExpired");
    }
  });

  it("refuses each with any one byte of it changed", async () => {
    const changes = new Set<string>();
    for (const [i, { name, bytes, aux, seconds }] of documents.entries()) {
      for (let at = 7 * i; at < bytes.length; at += 461) {
        const changed = Uint8Array.from(bytes);
        changed[at] = (changed[at] as number) ^ (1 << (at % 8));
        const { rule } = await nitro.verdict(changed, aux, seconds);
        expect(rule, `${name}: byte ${at}`).to.not.equal("accepted");
        changes.add(rule);
      }
    }
    expect(changes.size).to.be.greaterThan(4);
  });

  it("accepts the twin (r, n - s) of a document with the same payload hash: documents are spent by their payload", async () => {
    const { bytes, seconds } = documents[0] as Real;
    const twin = Uint8Array.from(bytes);
    const s = BigInt(`0x${Buffer.from(bytes.subarray(-48)).toString("hex")}`);
    twin.set(Buffer.from((N - s).toString(16).padStart(96, "0"), "hex"), bytes.length - 48);
    expect((await nitro.verdict(twin, hintsOf(twin), seconds)).rule).to.equal("accepted");
  });

  it("needs a hint for each signature that is not cached, and refuses what is no hint", async () => {
    const { bytes, aux, seconds } = documents[0] as Real;
    const other = documents[1] as Real;
    const verdict = (hints: string) => nitro.verdict(bytes, hints, seconds);
    expect(await verdict("0x")).to.deep.equal({ rule: "NitroHintMissing", args: [0n] });
    expect(await verdict(`0x${aux.slice(2 + 96)}`)).to.deep.equal({ rule: "NitroHintMissing", args: [0n] });
    expect(await verdict(aux.slice(0, -2))).to.deep.equal({ rule: "NitroHintLength", args: [239n] });
    expect(await verdict(aux + "00".repeat(48))).to.deep.equal({ rule: "NitroHintLength", args: [288n] });
    expect(await verdict(other.aux)).to.deep.equal({ rule: "P384HintInvalid", args: [0n] });
    expect(await verdict(`${aux.slice(0, -96)}${"00".repeat(48)}`)).to.deep.equal({
      rule: "P384HintInvalid",
      args: [4n],
    });
    // The document's certificates with another document's signature.
    const mixed = Buffer.concat([bytes.subarray(0, -96), other.bytes.subarray(-96)]);
    expect(await nitro.verdict(mixed, hintsOf(mixed), seconds)).to.deep.equal({ rule: "P384HintInvalid", args: [4n] });
  });

  it("costs what the issue allows: cold, warm, and the largest", async () => {
    const cold: number[] = [];
    const warm: number[] = [];
    let largest = 0;
    // Two of them share their second, and all their CAs.
    let clock = 0;
    for (const { bytes, aux, seconds } of documents) {
      clock = Math.max(clock + 1, seconds);
      const gas = await nitro.mine("verify", [bytes, aux], clock);
      cold.push(gas);
      if (bytes.length === LARGEST_BYTES) largest = gas;
      await nitro.mine("cacheCertificates", [bytes, aux], ++clock);
      warm.push(await nitro.mine("verify", [bytes, `0x${aux.slice(-192)}`], ++clock));
    }
    // The registry's own part of a registration is below 250,000.
    expect(median(cold)).to.be.at.most(9_500_000 - 250_000);
    expect(median(warm)).to.be.at.most(5_500_000 - 250_000);
    expect(largest).to.be.at.most(12_500_000 - 250_000);
  });

  it("fits into a contract", async () => {
    expect((await nitro.evm.provider.getCode(nitro.verifier)).length / 2 - 1).to.be.at.most(24_576);
  });
});

/** The first and the last second of a certificate's validity. */
function window(certificate: Uint8Array): [from: number, to: number] {
  const [tbs] = derChildren(certificate) as [Uint8Array];
  const validity = derChildren(tbs)[4] as Uint8Array;
  return derChildren(validity).map(secondsOf) as [number, number];
}
