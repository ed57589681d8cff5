import { generateKeyPairSync } from "node:crypto";
import { expect } from "chai";
import { AbiCoder, keccak256 } from "ethers";
import { bytesToHex, hexToBytes } from "../../../executor/protocol/bytes";
import { CborReader, cborHead, Major } from "../../../executor/protocol/cbor";
import { decodeCoseSign1, signCoseSign1, sigStructure, verifyCoseSign1 } from "../../../executor/protocol/cose";
import { decodeNitroPayload, encodeNitroPayload } from "../../../executor/protocol/nitroDocument";
import {
  imageIdOf,
  rawP256Key,
  rootIdOf,
  verifyDevelopmentDocument,
} from "../../../executor/protocol/nitroDocumentVerify";
import type { ProtocolErrorCode } from "../../../executor/protocol/protocolError";
import { decodeUserData, encodeUserData } from "../../../executor/protocol/userData";
import { attestationVectors, PAYLOAD, payloadFields, USER_DATA } from "../../../scripts/vectors/attestation";
import { readVectors, vectorText } from "../../../scripts/vectors/write";
import { expectCode } from "./expectCode";
import { realDocuments } from "./realDocuments";

interface Vectors {
  root: string;
  payloads: { name: string; payload: string; fields: unknown }[];
  malformedPayloads: { name: string; payload: string; code: ProtocolErrorCode }[];
  documents: { name: string; document: string; signed: string; rootId: string; payloadHash: string }[];
  malformedDocuments: { name: string; document: string; code: ProtocolErrorCode }[];
  userData: { encoded: string };
}

const vectors = JSON.parse(readVectors("attestation")) as Vectors;

describe("protocol/nitroDocument", () => {
  it("generates the committed vectors", () => {
    expect(vectorText(attestationVectors())).to.equal(readVectors("attestation"));
  });

  for (const vector of vectors.payloads) {
    it(`reads ${vector.name}`, () => {
      expect(payloadFields(decodeNitroPayload(hexToBytes(vector.payload)))).to.deep.equal(vector.fields);
    });
  }

  for (const vector of vectors.malformedPayloads) {
    it(`refuses ${vector.name} as ${vector.code}`, () => {
      expectCode(() => decodeNitroPayload(hexToBytes(vector.payload)), vector.code);
    });
  }

  it("refuses to write a payload that it would not read", () => {
    expectCode(() => encodeNitroPayload({ ...PAYLOAD, nonce: new Uint8Array(1025) }), "NITRO_FIELD_LENGTH");
    expectCode(() => encodeNitroPayload({ ...PAYLOAD, pcrs: new Map() }), "NITRO_PCR_COUNT");
  });

  it("writes real documents with a definite head back byte for byte", function () {
    const documents = realDocuments(this);
    let definite = 0;
    for (const { name, bytes } of documents) {
      const { payload } = decodeCoseSign1(bytes, "ES384");
      const fields = decodeNitroPayload(payload);
      expect(fields.certificate.length, name).to.be.greaterThan(0);
      expect(fields.cabundle.length, name).to.equal(4);
      if (payload[0] === 0xbf) continue;
      definite++;
      // An empty byte string and a null are both nothing to the reader, so only documents without the first come back.
      expect(bytesToHex(encodeNitroPayload(fields)), name).to.equal(bytesToHex(payload));
    }
    expect(definite).to.be.greaterThan(0);
  });
});

describe("protocol/cose", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

  for (const vector of vectors.documents) {
    it(`verifies ${vector.name}`, () => {
      const claims = verifyDevelopmentDocument(hexToBytes(vector.document), hexToBytes(vectors.root));
      expect(claims.rootId).to.equal(vector.rootId);
      expect(claims.payloadHash).to.equal(vector.payloadHash);
      expect(payloadFields(claims)).to.deep.equal(payloadFields(PAYLOAD));
    });
  }

  it("gives the two signatures of one payload the same payload hash and different documents", () => {
    const [a, b] = vectors.documents;
    expect(a?.payloadHash).to.equal(b?.payloadHash);
    expect(a?.document).to.not.equal(b?.document);
  });

  for (const vector of vectors.malformedDocuments) {
    it(`refuses ${vector.name} as ${vector.code}`, () => {
      expectCode(() => verifyDevelopmentDocument(hexToBytes(vector.document), hexToBytes(vectors.root)), vector.code);
    });
  }

  it("signs what it verifies", () => {
    const document = signCoseSign1({ payload: encodeNitroPayload(PAYLOAD), key: privateKey });
    expect(verifyDevelopmentDocument(document, rawP256Key(publicKey)).moduleId).to.equal(PAYLOAD.moduleId);
    expect(bytesToHex(rawP256Key(privateKey))).to.equal(bytesToHex(rawP256Key(publicKey)));
    expectCode(() => verifyDevelopmentDocument(document, hexToBytes(vectors.root)), "DEVELOPMENT_SIGNATURE_INVALID");
  });

  it("signs and verifies ES384 over its own curve", () => {
    const pair = generateKeyPairSync("ec", { namedCurve: "P-384" });
    const document = signCoseSign1({ payload: Uint8Array.of(1), key: pair.privateKey, algorithm: "ES384" });
    expect(verifyCoseSign1(decodeCoseSign1(document, "ES384"), pair.publicKey)).to.equal(true);
    expectCode(() => decodeCoseSign1(document, "ES256"), "COSE_PROTECTED_HEADER");
    expect(() => rawP256Key(pair.publicKey)).to.throw(TypeError);
  });

  it("covers the protected header and the payload, as RFC 9052 writes it", () => {
    expect(bytesToHex(sigStructure("ES384", Uint8Array.of(9)))).to.equal("0x846a5369676e61747572653144a1013822404109");
  });
});

describe("protocol/cbor", () => {
  it("writes the shortest head at every border, and reads it back", () => {
    for (const value of [0n, 23n, 24n, 255n, 256n, 65535n, 65536n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 64n - 1n]) {
      const bytes = cborHead(Major.unsigned, value);
      const reader = new CborReader(bytes);
      expect(reader.head(Major.unsigned)).to.equal(value);
      expect(reader.offset).to.equal(bytes.length);
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
  ] as [string, string, ProtocolErrorCode][]) {
    it(`refuses ${what}`, () => expectCode(() => new CborReader(hexToBytes(hex)).head(Major.unsigned), code));
  }
});

describe("protocol/nitroDocumentVerify", () => {
  it("derives the image id and the root id from raw bytes", () => {
    const root = hexToBytes(vectors.root);
    const rootId = rootIdOf(root);
    expect(rootId).to.equal(keccak256(root));
    const pcrs = [0, 1, 2].map((i) => PAYLOAD.pcrs.get(i) as Uint8Array);
    expect(imageIdOf({ rootId, pcrs: PAYLOAD.pcrs })).to.equal(keccak256(Buffer.concat([hexToBytes(rootId), ...pcrs])));
    expectCode(() => imageIdOf({ rootId, pcrs: new Map([[0, new Uint8Array(48)]]) }), "NITRO_PCR_MISSING");
  });

  it("throws on a root that is no point, as a mistake of the caller", () => {
    const document = hexToBytes((vectors.documents[0] as { document: string }).document);
    expect(() => verifyDevelopmentDocument(document, new Uint8Array(64))).to.throw();
  });
});

describe("protocol/userData", () => {
  const types = [
    "uint8",
    "uint8",
    "bool",
    "uint256",
    "address",
    "bytes32",
    "address",
    "address",
    "bytes32",
    "bytes32",
    "bytes32",
  ];

  it("is the ABI encoding of docs/protocol.md", () => {
    const d = USER_DATA;
    const values = [
      1,
      d.level,
      d.hardwareRooted,
      d.chainId,
      d.registry,
      d.hubDomain,
      d.operator,
      d.payout,
      d.endpointHash,
      d.keyConfigHash,
      d.runtimeProfile,
    ];
    expect(bytesToHex(encodeUserData(USER_DATA))).to.equal(AbiCoder.defaultAbiCoder().encode(types, values));
    expect(bytesToHex(encodeUserData(USER_DATA))).to.equal(vectors.userData.encoded);
    expect(decodeUserData(encodeUserData(USER_DATA))).to.deep.equal(USER_DATA);
  });

  const withWord = (index: number, hex: string): Uint8Array => {
    const bytes = encodeUserData(USER_DATA);
    bytes.set(hexToBytes(`0x${hex.padStart(64, "0")}`), 32 * index);
    return bytes;
  };

  for (const [what, bytes, code] of [
    ["a byte too few", encodeUserData(USER_DATA).subarray(1), "USER_DATA_LENGTH"],
    ["version 2", withWord(0, "02"), "USER_DATA_VERSION_UNKNOWN"],
    ["a version beyond its byte", withWord(0, "0101"), "USER_DATA_WORD_NOT_CANONICAL"],
    ["a level beyond its byte", withWord(1, "0100"), "USER_DATA_WORD_NOT_CANONICAL"],
    ["a bool of 2", withWord(2, "02"), "USER_DATA_WORD_NOT_CANONICAL"],
    ["an address of 21 bytes", withWord(4, "01".repeat(21)), "USER_DATA_WORD_NOT_CANONICAL"],
  ] as [string, Uint8Array, ProtocolErrorCode][]) {
    it(`refuses ${what}`, () => expectCode(() => decodeUserData(bytes), code));
  }

  it("refuses to write a level that does not fit", () => {
    expectCode(() => encodeUserData({ ...USER_DATA, level: 256 }), "USER_DATA_WORD_NOT_CANONICAL");
    expectCode(() => encodeUserData({ ...USER_DATA, level: -1 }), "USER_DATA_WORD_NOT_CANONICAL");
  });
});
