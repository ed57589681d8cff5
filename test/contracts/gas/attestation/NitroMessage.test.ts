import { expect } from "chai";
import { keccak256 } from "ethers";
import { cborBytes, cborHead, cborText, Major } from "../../../../executor/protocol/cbor";
import { sigStructure } from "../../../../executor/protocol/cose";
import { PAYLOAD } from "../../../../scripts/vectors/attestation";
import {
  CHAIN,
  documentOf,
  KEYS,
  type Key,
  LEAF,
  messageOf,
  NOW,
  payloadOf,
  ROOT_HASH,
  rawSignature,
  signRaw,
} from "../../../fixtures/attestation/chain";
import { hex48, N, pointR } from "../../../fixtures/attestation/curve";
import { raw } from "../../../fixtures/attestation/der";
import { hintsOf, signatureOver } from "../../../fixtures/attestation/hints";
import { NitroEvm } from "../../../fixtures/attestation/nitroEvm";
import { fieldsOf, mapOf } from "../../../fixtures/attestation/payloadFields";

const LEAF_KEY = KEYS[LEAF] as Key;
const NULL = raw("f6");

describe("attestation/NitroAttestationVerifier: messages and payloads", () => {
  let nitro: NitroEvm;
  const good = documentOf(payloadOf(CHAIN));
  const aux = hintsOf(good);

  before(async function () {
    nitro = await NitroEvm.withTwin(this, ROOT_HASH);
  });

  after(async () => {
    await nitro?.stop();
    // Every document above was put to both verifiers.
    if (nitro !== undefined) expect(nitro.compared).to.be.greaterThan(20);
  });

  const rule = async (document: Uint8Array, hints = aux): Promise<string> =>
    (await nitro.verdict(document, hints, NOW)).rule;
  const ofFields = async (change: (fields: [string, Uint8Array][]) => void, indefinite = false): Promise<string> => {
    const fields = fieldsOf();
    change(fields);
    // Signed by the enclave, so that only the rule in question can refuse it. Hints beside the last are the chain's.
    const payload = mapOf(fields, indefinite);
    const document = documentOf(payload);
    return rule(document, `${aux.slice(0, -96)}${lastHint(payload)}`);
  };

  const payload = payloadOf(CHAIN);
  const signature = good.subarray(-96);
  const head = (hex: string): Uint8Array => Buffer.concat([raw(hex), cborBytes(payload), cborBytes(signature)]);

  for (const [what, document, expected] of [
    ["tag 18", Buffer.concat([raw("d2"), good]), "CoseNotSign1"],
    ["an array of five", Buffer.concat([raw("85"), good.subarray(1), raw("f6")]), "CoseNotSign1"],
    ["an indefinite array", Buffer.concat([raw("9f"), good.subarray(1), raw("ff")]), "CoseNotSign1"],
    ["ES256", head("8443a10126a0"), "CoseProtectedHeader"],
    ["ES512", head("8444a1013823a0"), "CoseProtectedHeader"],
    ["no algorithm", head("8440a0"), "CoseProtectedHeader"],
    ["an empty map for a protected header", head("8441a0a0"), "CoseProtectedHeader"],
    ["the algorithm in a longer head", head("8445a1011900 22a0".replace(" ", "")), "CoseProtectedHeader"],
    ["a second protected parameter", head("8446a20138220380a0"), "CoseProtectedHeader"],
    ["a key id in the unprotected header", head("8444a1013822a1044101"), "CoseUnprotectedHeader"],
    ["an indefinite unprotected header", head("8444a1013822bfff"), "CoseUnprotectedHeader"],
    [
      "a payload that is elsewhere",
      Buffer.concat([raw("8444a1013822a0f6"), cborBytes(signature)]),
      "CborTypeUnexpected",
    ],
    ["an empty payload", messageOf(new Uint8Array(), signature), "CosePayloadLength"],
    ["a payload of 16,385 bytes", messageOf(new Uint8Array(16_385), signature), "CosePayloadLength"],
    [
      "a payload in chunks",
      Buffer.concat([raw("8444a1013822a05f"), cborBytes(payload), raw("ff"), cborBytes(signature)]),
      "CborHeadUnsupported",
    ],
    [
      "a payload as text",
      Buffer.concat([
        raw("8444a1013822a0"),
        cborHead(Major.text, BigInt(payload.length)),
        payload,
        cborBytes(signature),
      ]),
      "CborTypeUnexpected",
    ],
    [
      "a payload's head of five bytes",
      Buffer.concat([
        raw("8444a1013822a05a0000"),
        Uint8Array.of(payload.length >> 8, payload.length & 255),
        payload,
        cborBytes(signature),
      ]),
      "CborHeadNotMinimal",
    ],
    ["a signature of 95 bytes", messageOf(payload, signature.subarray(1)), "CoseSignatureLength"],
    ["a signature of 97 bytes", messageOf(payload, Buffer.concat([raw("00"), signature])), "CoseSignatureLength"],
    [
      "a signature's head of three bytes",
      Buffer.concat([raw("8444a1013822a0"), cborBytes(payload), raw("590060"), signature]),
      "CborHeadNotMinimal",
    ],
    ["a byte behind it", Buffer.concat([good, raw("00")]), "CborTrailingBytes"],
    ["nothing", new Uint8Array(), "CoseNotSign1"],
    ["96 zero bytes for a signature", messageOf(payload, new Uint8Array(96)), "P384ScalarOutOfRange"],
    ["an r of n", messageOf(payload, rawSignature({ r: N, s: 1n })), "P384ScalarOutOfRange"],
    ["an s of n + 1", messageOf(payload, rawSignature({ r: 1n, s: N + 1n })), "P384ScalarOutOfRange"],
  ] as [string, Uint8Array, string][]) {
    it(`refuses ${what}`, async () => {
      expect(await rule(document)).to.equal(expected);
    });
  }

  it("refuses every document cut short", async () => {
    for (let length = 0; length < good.length; length += 97) {
      expect(await rule(good.subarray(0, length))).to.not.equal("accepted");
    }
  });

  it("refuses a signature over anything but the structure with this context, header and payload", async () => {
    const structure = sigStructure("ES384", payload);
    const variants = [
      payload,
      Buffer.from(structure.toString().replace("Signature1", "Signature2"), "latin1"),
      replaced(structure, "6a5369676e617475726531", "695369676e6174757265"),
      replaced(structure, "44a1013822", "43a10126"),
      replaced(structure, "44a101382240", "44a10138224100"),
      Buffer.concat([structure, raw("00")]),
    ];
    for (const signed of variants) {
      const document = messageOf(payload, rawSignature(signRaw(signed, LEAF_KEY)));
      expect(await rule(document, hintsOf(document))).to.equal("P384HintInvalid");
    }
  });

  it("accepts a high s and a low one: half of AWS's signatures are high", async () => {
    const { r, s } = signRaw(sigStructure("ES384", payload), LEAF_KEY);
    for (const value of [s, N - s]) {
      const document = messageOf(payload, rawSignature({ r, s: value }));
      expect(await rule(document, hintsOf(document))).to.equal("accepted");
    }
  });

  it("accepts both map heads, and a payload hash tells them apart", async () => {
    expect(await ofFields(() => undefined)).to.equal("accepted");
    expect(await ofFields(() => undefined, true)).to.equal("accepted");
    expect(keccak256(mapOf(fieldsOf()))).to.not.equal(keccak256(mapOf(fieldsOf(), true)));
  });

  const at = (fields: [string, Uint8Array][], key: string): number => fields.findIndex(([each]) => each === key);
  const MANDATORY = ["module_id", "digest", "timestamp", "pcrs"];

  for (const key of fieldsOf().map(([each]) => each)) {
    it(`knows what to do with a ${key} that is missing, null, empty, doubled or mis-sized`, async () => {
      const mandatory = MANDATORY.includes(key);
      const missing =
        key === "certificate" ? "NitroCertificateMissing" : key === "cabundle" ? "NitroBundleMissing" : "accepted";
      const set = (value: Uint8Array) => ofFields((fields) => fields.splice(at(fields, key), 1, [key, value]));
      expect(await ofFields((fields) => fields.splice(at(fields, key), 1))).to.equal(
        mandatory ? "NitroFieldUnexpected" : missing,
      );
      expect(await set(NULL)).to.equal(mandatory ? (key === "digest" ? "NitroDigest" : "CborTypeUnexpected") : missing);
      expect(
        await ofFields((fields) => fields.splice(at(fields, key), 0, fields[at(fields, key)] as [string, Uint8Array])),
      ).to.equal("NitroFieldUnexpected");
      const sizes: Readonly<Record<string, readonly (readonly [Uint8Array, string])[]>> = {
        module_id: [
          [cborText(""), "NitroFieldLength"],
          [cborText("i".repeat(257)), "NitroFieldLength"],
        ],
        digest: [
          [cborText(""), "NitroDigest"],
          [cborText("SHA512"), "NitroDigest"],
          [cborText("SHA3840"), "NitroDigest"],
        ],
        timestamp: [
          [raw("00"), "NitroTimestamp"],
          [raw("20"), "CborTypeUnexpected"],
          [raw("1b0000000000000001"), "CborHeadNotMinimal"],
        ],
        pcrs: [
          [raw("a0"), "NitroPcrCount"],
          [raw("a10040"), "NitroPcrLength"],
          [raw(`a10058${"20"}${"00".repeat(32)}`), "NitroPcrLength"],
        ],
        certificate: [
          [raw("40"), "NitroFieldLength"],
          [cborBytes(new Uint8Array(1025)), "NitroFieldLength"],
        ],
        cabundle: [
          [raw("80"), "NitroFieldLength"],
          [raw(`89${"4101".repeat(9)}`), "NitroFieldLength"],
          [raw("8140"), "NitroFieldLength"],
        ],
      };
      const optional = [
        [raw("40"), "accepted"],
        [cborBytes(new Uint8Array(1024)), "accepted"],
        [cborBytes(new Uint8Array(1025)), "NitroFieldLength"],
      ] as const;
      for (const [value, expected] of sizes[key] ?? optional) expect(await set(value)).to.equal(expected);
    });
  }

  it("refuses a NitroTPM document: its measurements are another thing", async () => {
    expect(
      await ofFields((fields) => fields.splice(3, 1, ["nitrotpm_pcrs", (fields[3] as [string, Uint8Array])[1]])),
    ).to.equal("NitroFieldUnexpected");
  });

  it("refuses unknown fields and another order", async () => {
    expect(await ofFields((fields) => fields.push(["more", NULL]))).to.equal("NitroFieldUnexpected");
    expect(await ofFields((fields) => fields.reverse())).to.equal("NitroFieldUnexpected");
  });

  it("does not judge debug mode: that is the registry's, which sees PCR0 as it is", async () => {
    const zeros = new Map([...PAYLOAD.pcrs].map(([i]) => [i, new Uint8Array(48).fill(i === 4 ? 7 : 0)]));
    const document = documentOf(payloadOf(CHAIN, { pcrs: zeros }));
    const data = nitro.verifier.interface.encodeFunctionData("verify", [document, hintsOf(document)]);
    const { data: result } = await nitro.evm.callAt(await nitro.verifier.getAddress(), data, NOW);
    const [claims] = nitro.verifier.interface.decodeFunctionResult("verify", result);
    expect(claims.pcr0).to.equal(`0x${"00".repeat(48)}`);
  });

  it("refuses to be made expensive: the largest fields cost less than a real document to refuse", async () => {
    const hostile = messageOf(
      Buffer.concat([raw("a9"), cborText("module_id"), cborHead(Major.text, 2n ** 64n - 1n)]),
      new Uint8Array(96),
    );
    expect(await rule(hostile)).to.equal("NitroFieldLength");
    const data = nitro.verifier.interface.encodeFunctionData("verify", [
      messageOf(new Uint8Array(16_384).fill(0xa9), new Uint8Array(96)),
      aux,
    ]);
    const { ok } = await nitro.evm.callAt(await nitro.verifier.getAddress(), data, NOW);
    expect(ok).to.equal(false);
  });
});

/** The hint of the enclave's signature over a payload. */
function lastHint(payload: Uint8Array): string {
  const signed = sigStructure("ES384", payload);
  const point = pointR(signatureOver(signed, signRaw(signed, LEAF_KEY), LEAF_KEY.publicKey));
  return hex48(point?.y ?? 1n);
}

function replaced(bytes: Uint8Array, from: string, to: string): Uint8Array {
  return Buffer.from(Buffer.from(bytes).toString("hex").replace(from, to), "hex");
}
