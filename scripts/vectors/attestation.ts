import { p256 } from "@noble/curves/p256";
import { sha256 } from "@noble/hashes/sha2";
import { address, hex32 } from "../../executor/domain/ids";
import { bytesToHex, hexToBytes } from "../../executor/protocol/bytes";
import { cborBytes, cborText } from "../../executor/protocol/cbor";
import { decodeCoseSign1, MAX_PAYLOAD_BYTES, sigStructure } from "../../executor/protocol/cose";
import { decodeNitroPayload, encodeNitroPayload, type NitroPayload } from "../../executor/protocol/nitroDocument";
import { verifyDevelopmentDocument } from "../../executor/protocol/nitroDocumentVerify";
import { encodeUserData } from "../../executor/protocol/userData";
import { codeOf } from "./tensor";
import { isMain, writeVectors } from "./write";

/** Two keys that everybody knows: the root of these vectors, and somebody else. */
const ROOT_SCALAR = Buffer.alloc(32, 7);
const OTHER_SCALAR = Buffer.alloc(32, 8);
const ROOT = p256.getPublicKey(ROOT_SCALAR, false).slice(1);

const none = new Uint8Array();
const word = (byte: string): ReturnType<typeof hex32> => hex32(`0x${byte.repeat(32)}`);
const account = (byte: string): ReturnType<typeof address> => address(`0x${byte.repeat(20)}`);

export const USER_DATA = {
  level: 3,
  hardwareRooted: false,
  chainId: 31_337n,
  registry: account("11"),
  hubDomain: word("22"),
  operator: account("33"),
  payout: account("44"),
  endpointHash: word("55"),
  keyConfigHash: word("66"),
  runtimeProfile: word("77"),
};

export const PAYLOAD: NitroPayload = {
  moduleId: "assay-00112233445566ff",
  timestampMs: 1_800_000_000_123n,
  pcrs: new Map(Array.from({ length: 16 }, (_, i) => [i, new Uint8Array(48).fill(i < 3 ? 0xa0 + i : 0)])),
  certificate: none,
  cabundle: [],
  publicKey: Uint8Array.of(4, ...new Uint8Array(64).fill(9)),
  userData: encodeUserData(USER_DATA),
  nonce: new Uint8Array(40).fill(5),
};

const GOOD = encodeNitroPayload(PAYLOAD);

/** Signed with a nonce derived from the message (RFC 6979), so that the vectors never change. */
function signed(
  payload: Uint8Array,
  options: { readonly scalar?: Uint8Array; readonly highS?: boolean } = {},
): Uint8Array {
  const { scalar = ROOT_SCALAR, highS = false } = options;
  const signature = p256.sign(sha256(sigStructure("ES256", payload)), scalar, { lowS: true });
  const s = highS ? p256.CURVE.n - signature.s : signature.s;
  const raw = hexToBytes(`0x${[signature.r, s].map((n) => n.toString(16).padStart(64, "0")).join("")}`);
  return Buffer.concat([Uint8Array.of(0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0), cborBytes(payload), cborBytes(raw)]);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const key = (name: string): string => hex(cborText(name));
/** The good payload with one stretch of hex replaced; a stretch that is not there once is a mistake of this file. */
function changed(from: string, to: string, base = hex(GOOD)): Uint8Array {
  if (base.split(from).length !== 2) throw new Error(`not once in the payload: ${from}`);
  return Buffer.from(base.replace(from, to), "hex");
}

const DIGEST = `${key("digest")}66534841333834`;
const TIME = `${key("timestamp")}1b${PAYLOAD.timestampMs.toString(16).padStart(16, "0")}`;
const MODULE = `${key("module_id")}76${hex(Buffer.from(PAYLOAD.moduleId))}`;
const pcr = (index: string, byte: string, bytes = 48): string => `${index}5830${byte.repeat(bytes)}`;
const NONCE = `${key("nonce")}5828${"05".repeat(40)}`;
const PUBLIC = `${key("public_key")}5841`;
const DEFINITE = `a7${key("module_id")}`;

const PAYLOADS: Readonly<Record<string, Uint8Array>> = {
  "a development payload": GOOD,
  "an indefinite map": changed(DEFINITE, `bf${key("module_id")}`, `${hex(GOOD)}ff`),
  "optional parts absent": changed(`${NONCE}`, "", hex(changed(DEFINITE, `a6${key("module_id")}`))),
  "optional parts null": encodeNitroPayload({ ...PAYLOAD, publicKey: none, userData: none, nonce: none }),
  "an empty nonce": changed(NONCE, `${key("nonce")}40`),
  "a certificate and a bundle": encodeNitroPayload({
    ...PAYLOAD,
    certificate: new Uint8Array(600).fill(0x30),
    cabundle: [new Uint8Array(500).fill(1), Uint8Array.of(2)],
  }),
  "a certificate and a bundle that are null": changed(
    PUBLIC,
    `${key("certificate")}f6${key("cabundle")}f6${PUBLIC}`,
    hex(changed(DEFINITE, `a9${key("module_id")}`)),
  ),
  "32 PCRs": encodeNitroPayload({
    ...PAYLOAD,
    pcrs: new Map(Array.from({ length: 32 }, (_, i) => [i, new Uint8Array(48).fill(i)])),
  }),
  "sparse PCRs": encodeNitroPayload({
    ...PAYLOAD,
    pcrs: new Map([0, 1, 2, 4, 23, 24, 31].map((i) => [i, new Uint8Array(48).fill(i)])),
  }),
  "the largest fields": encodeNitroPayload({
    ...PAYLOAD,
    moduleId: "é".repeat(128),
    publicKey: new Uint8Array(1024),
    userData: new Uint8Array(1024),
    nonce: new Uint8Array(1024),
  }),
};

const MALFORMED_PAYLOADS: Readonly<Record<string, Uint8Array>> = {
  nothing: none,
  "an array": Uint8Array.of(0x80),
  "an empty map": Uint8Array.of(0xa0),
  "an empty indefinite map": Uint8Array.of(0xbf, 0xff),
  "a map head that is not minimal": changed(DEFINITE, `b807${key("module_id")}`),
  "a map head of a reserved form": changed(DEFINITE, `bc${key("module_id")}`),
  "a map of one entry more": changed(DEFINITE, `a8${key("module_id")}`),
  "a map of one entry less": changed(DEFINITE, `a6${key("module_id")}`),
  "a byte after the map": Buffer.concat([GOOD, Uint8Array.of(0)]),
  "a break after a definite map": Buffer.concat([GOOD, Uint8Array.of(0xff)]),
  "an indefinite map without a break": changed(DEFINITE, `bf${key("module_id")}`),
  "no module id": changed(MODULE, "", hex(changed(DEFINITE, `a6${key("module_id")}`))),
  "an empty module id": changed(MODULE, `${key("module_id")}60`),
  "a module id that is null": changed(MODULE, `${key("module_id")}f6`),
  "a module id of bytes": changed(MODULE, `${key("module_id")}4161`),
  "a module id of 257 bytes": changed(MODULE, `${key("module_id")}790101${"61".repeat(257)}`),
  "a module id that is not UTF-8": changed(MODULE, `${key("module_id")}61ff`),
  "a module id whose head is not minimal": changed(MODULE, `${key("module_id")}780161`),
  "a module id in chunks": changed(MODULE, `${key("module_id")}7f6161ff`),
  "a module id that runs past the end": Buffer.from(`a7${key("module_id")}6561`, "hex"),
  "a key whose head is not minimal": changed(
    `${key("digest")}66534841333834`,
    `7806${hex(Buffer.from("digest"))}66534841333834`,
  ),
  "a digest of another name": changed(DIGEST, `${key("digest")}66534841323536`),
  "a digest that is null": changed(DIGEST, `${key("digest")}f6`),
  "no digest": changed(DIGEST, ""),
  "a digest twice": changed(DIGEST, DIGEST + DIGEST),
  "timestamp before digest": changed(DIGEST + TIME, TIME + DIGEST),
  "a timestamp of zero": changed(TIME, `${key("timestamp")}00`),
  "a timestamp that is negative": changed(TIME, `${key("timestamp")}20`),
  "a timestamp that is not minimal": changed(TIME, `${key("timestamp")}1b0000000000000001`),
  "a timestamp cut short": Buffer.from(`a7${MODULE}${DIGEST}${key("timestamp")}1b0000`, "hex"),
  "no PCRs": changed(key("pcrs"), key("pcrz")),
  "an empty PCR map": changed(`${key("pcrs")}b0`, `${key("pcrs")}a0`),
  "33 PCRs": changed(`${key("pcrs")}b0`, `${key("pcrs")}b821`),
  "an indefinite PCR map": changed(`${key("pcrs")}b0`, `${key("pcrs")}bf`),
  "PCR 1 twice": changed(pcr("02", "a2"), pcr("01", "a2")),
  "PCRs out of order": changed(pcr("00", "a0") + pcr("01", "a1"), pcr("01", "a1") + pcr("00", "a0")),
  "PCR 32": changed(pcr("0f", "00"), pcr("1820", "00")),
  "PCR 2^63": changed(pcr("0f", "00"), pcr("1b8000000000000000", "00")),
  "PCR 15 with a head that is not minimal": changed(pcr("0f", "00"), pcr("180f", "00")),
  "no PCR 2": changed(pcr("02", "a2"), "", hex(changed(`${key("pcrs")}b0`, `${key("pcrs")}af`))),
  "a PCR of 32 bytes": changed(pcr("02", "a2"), `025820${"a2".repeat(32)}`),
  "a PCR of text": changed(pcr("02", "a2"), `027830${"a2".repeat(48)}`),
  "a PCR that is null": changed(pcr("02", "a2"), "02f6"),
  "a PCR cut short": Buffer.from(`a7${MODULE}${DIGEST}${TIME}${key("pcrs")}b0005830${"00".repeat(10)}`, "hex"),
  "an empty certificate": changed(
    PUBLIC,
    `${key("certificate")}40${PUBLIC}`,
    hex(changed(DEFINITE, `a8${key("module_id")}`)),
  ),
  "a certificate of 1025 bytes": changed(
    PUBLIC,
    `${key("certificate")}590401${"30".repeat(1025)}${PUBLIC}`,
    hex(changed(DEFINITE, `a8${key("module_id")}`)),
  ),
  "an empty bundle": changed(PUBLIC, `${key("cabundle")}80${PUBLIC}`, hex(changed(DEFINITE, `a8${key("module_id")}`))),
  "a bundle of nine": changed(
    PUBLIC,
    `${key("cabundle")}89${"4101".repeat(9)}${PUBLIC}`,
    hex(changed(DEFINITE, `a8${key("module_id")}`)),
  ),
  "a bundle with an empty certificate": changed(
    PUBLIC,
    `${key("cabundle")}8140${PUBLIC}`,
    hex(changed(DEFINITE, `a8${key("module_id")}`)),
  ),
  "an indefinite bundle": changed(
    PUBLIC,
    `${key("cabundle")}9f4101ff${PUBLIC}`,
    hex(changed(DEFINITE, `a8${key("module_id")}`)),
  ),
  "bundle before certificate": changed(
    PUBLIC,
    `${key("cabundle")}814101${key("certificate")}4101${PUBLIC}`,
    hex(changed(DEFINITE, `a9${key("module_id")}`)),
  ),
  "nitrotpm_pcrs instead of pcrs": changed(key("pcrs"), key("nitrotpm_pcrs")),
  "a nonce of 1025 bytes": changed(NONCE, `${key("nonce")}590401${"05".repeat(1025)}`),
  "a nonce of text": changed(NONCE, `${key("nonce")}6161`),
  "a nonce of 2^64 - 1 bytes": changed(NONCE, `${key("nonce")}5bffffffffffffffff`),
  "a nonce in chunks": changed(NONCE, `${key("nonce")}5f4101ff`),
  "a nonce twice": changed(NONCE, NONCE + NONCE, hex(changed(DEFINITE, `a8${key("module_id")}`))),
  "an unknown key": changed(NONCE, `${NONCE}6161f6`, hex(changed(DEFINITE, `a8${key("module_id")}`))),
  "a nonce key without a value": changed(NONCE, key("nonce")),
};

const DOCUMENT = signed(GOOD);
const documentWith = (from: string, to: string): Uint8Array => changed(from, to, hex(DOCUMENT));
const SIGNATURE = hex(DOCUMENT.subarray(DOCUMENT.length - 64));
const PAYLOAD_HEAD = `a059${GOOD.length.toString(16).padStart(4, "0")}`;

const DOCUMENTS: Readonly<Record<string, Uint8Array>> = {
  "a development document": DOCUMENT,
  "the same with the other s": signed(GOOD, { highS: true }),
};

const MALFORMED_DOCUMENTS: Readonly<Record<string, Uint8Array>> = {
  nothing: none,
  "one byte": Uint8Array.of(0x84),
  "an array of three": Buffer.concat([Uint8Array.of(0x83), DOCUMENT.subarray(1)]),
  "an indefinite array": Buffer.concat([Uint8Array.of(0x9f), DOCUMENT.subarray(1), Uint8Array.of(0xff)]),
  "tag 18": Buffer.concat([Uint8Array.of(0xd2), DOCUMENT]),
  "ES384 in the header": documentWith("8443a10126", "8444a1013822"),
  "an empty protected header": documentWith("8443a10126", "8440"),
  "a protected header with a second spelling": documentWith("8443a10126", "8444a1013806"),
  "an unprotected header with something in it": documentWith("8443a10126a0", "8443a10126a10126"),
  "an empty payload": Buffer.from(`8443a10126a0405840${SIGNATURE}`, "hex"),
  "a payload that is null": Buffer.from(`8443a10126a0f65840${SIGNATURE}`, "hex"),
  "a payload of 16,385 bytes": signed(new Uint8Array(MAX_PAYLOAD_BYTES + 1)),
  "a payload head that is not minimal": documentWith(
    PAYLOAD_HEAD,
    `a05a0000${GOOD.length.toString(16).padStart(4, "0")}`,
  ),
  "a payload that runs past the end": Buffer.from("8443a10126a0590100aabb", "hex"),
  "a signature of 63 bytes": documentWith(`5840${SIGNATURE}`, `583f${SIGNATURE.slice(2)}`),
  "a signature of 96 bytes": documentWith(`5840${SIGNATURE}`, `5860${SIGNATURE}${"00".repeat(32)}`),
  "a signature cut short": DOCUMENT.subarray(0, -1),
  "a byte after the signature": Buffer.concat([DOCUMENT, Uint8Array.of(0)]),
  "another key": signed(GOOD, { scalar: OTHER_SCALAR }),
  "another payload under this signature": documentWith(hex(Buffer.from("assay-0011")), hex(Buffer.from("assay-0012"))),
  "r and s of zero": documentWith(SIGNATURE, "00".repeat(64)),
  "r of zero": documentWith(SIGNATURE, "00".repeat(32) + SIGNATURE.slice(64)),
  "s of zero": documentWith(SIGNATURE, SIGNATURE.slice(0, 64) + "00".repeat(32)),
  "s of n": documentWith(SIGNATURE, SIGNATURE.slice(0, 64) + p256.CURVE.n.toString(16)),
  "r of n": documentWith(SIGNATURE, p256.CURVE.n.toString(16) + SIGNATURE.slice(64)),
  "r and s swapped": documentWith(SIGNATURE, SIGNATURE.slice(64) + SIGNATURE.slice(0, 64)),
  "a good signature over a bad payload": signed(changed(TIME, `${key("timestamp")}00`)),
};

export function attestationVectors(): unknown {
  return {
    root: bytesToHex(ROOT),
    payloads: Object.entries(PAYLOADS).map(([name, payload]) => ({
      name,
      payload: bytesToHex(payload),
      fields: payloadFields(decodeNitroPayload(payload)),
    })),
    malformedPayloads: Object.entries(MALFORMED_PAYLOADS).map(([name, payload]) => ({
      name,
      payload: bytesToHex(payload),
      code: codeOf(() => decodeNitroPayload(payload)),
    })),
    documents: Object.entries(DOCUMENTS).map(([name, document]) => {
      const { rootId, payloadHash } = verifyDevelopmentDocument(document, ROOT);
      return {
        name,
        document: bytesToHex(document),
        signed: bytesToHex(sigStructure("ES256", decodeCoseSign1(document, "ES256").payload)),
        rootId,
        payloadHash,
      };
    }),
    malformedDocuments: Object.entries(MALFORMED_DOCUMENTS).map(([name, document]) => ({
      name,
      document: bytesToHex(document),
      code: codeOf(() => verifyDevelopmentDocument(document, ROOT)),
    })),
    userData: { ...USER_DATA, chainId: USER_DATA.chainId.toString(), encoded: bytesToHex(encodeUserData(USER_DATA)) },
  };
}

/** A payload as JSON holds it. */
export function payloadFields(payload: NitroPayload): unknown {
  return {
    moduleId: payload.moduleId,
    timestampMs: payload.timestampMs.toString(),
    pcrs: Object.fromEntries([...payload.pcrs].map(([index, value]) => [index, bytesToHex(value)])),
    certificate: bytesToHex(payload.certificate),
    cabundle: payload.cabundle.map(bytesToHex),
    publicKey: bytesToHex(payload.publicKey),
    userData: bytesToHex(payload.userData),
    nonce: bytesToHex(payload.nonce),
  };
}

if (isMain(module)) writeVectors("attestation", attestationVectors());
