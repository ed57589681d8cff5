import { createHash } from "node:crypto";
import { p384 } from "@noble/curves/p384";
import type { HexBytes } from "../domain/ids";
import { bytesToHex } from "./bytes";
import { decodeCoseSign1, sigStructure } from "./cose";
import { DerReader } from "./nitro/der";
import type { P384Signature } from "./nitro/p384";
import { decodeNitroPayload } from "./nitroDocument";
import { ProtocolError } from "./protocolError";

const { Fn, BASE } = p384.Point;
const BYTES = 48;
/** For a signature that has no R: any number does, as the signature is not valid. */
const NO_HINT = 1n;

/**
 * `aux` of `NitroAttestationVerifier`: for each signature the y of R = u1 G + u2 Q, 48 bytes, in the order of the chain. The contract would
 * find the same number by a hundred times the gas; a wrong one can only make a verification fail. Nothing is judged here, and what can not be
 * read gets a number that does not fit.
 * @param last for how many of the last signatures; all without it, two where the CA certificates are cached
 */
export function nitroHints(document: Uint8Array, last = Number.POSITIVE_INFINITY): HexBytes {
  const signatures = nitroSignatures(document);
  return bytesToHex(Buffer.concat(signatures.slice(Math.max(0, signatures.length - last)).map(hintBytes)));
}

/** The signatures of a document in the order of their hints; undefined where one can not be read, none where the payload can not. */
export function nitroSignatures(document: Uint8Array): readonly (P384Signature | undefined)[] {
  return readable(() => signaturesOf(document)) ?? [];
}

/** The hint for one signature, 48 bytes. */
export const hintBytes = (signature: P384Signature | undefined): Uint8Array =>
  wide(signature === undefined ? NO_HINT : hintOf(signature));

function signaturesOf(document: Uint8Array): (P384Signature | undefined)[] {
  const { payload, signature } = decodeCoseSign1(document, "ES384");
  const { cabundle, certificate } = decodeNitroPayload(payload);
  const chain = [...cabundle, certificate].map((der) => readable(() => partsOf(der)));
  const own = { signed: sigStructure("ES384", payload), signature };
  return [...chain.slice(1), own].map((parts, i) => {
    const publicKey = chain[i]?.publicKey;
    return parts === undefined || publicKey === undefined ? undefined : { ...parts, publicKey };
  });
}

/** The three parts of a certificate that a signature is made of. */
function partsOf(der: Uint8Array): P384Signature {
  const whole = new DerReader(der);
  const parts = new DerReader(takeAny(whole));
  const signed = wholeOf(parts);
  const tbs = new DerReader(takeAny(new DerReader(signed)));
  // Version, serial, algorithm, issuer, validity, subject.
  for (let i = 0; i < 6; i++) takeAny(tbs);
  const publicKey = takeAny(tbs).slice(-2 * BYTES);
  takeAny(parts);
  const pair = new DerReader(takeAny(new DerReader(takeAny(parts).subarray(1))));
  const signature = Buffer.concat([takeAny(pair), takeAny(pair)].map((number) => wide(numberOf(number))));
  return { signed, signature, publicKey };
}

const takeAny = (reader: DerReader): Uint8Array => reader.take(reader.peek());
const wholeOf = (reader: DerReader): Uint8Array => reader.takeWhole(reader.peek());
const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x0${Buffer.from(bytes).toString("hex")}`);
/** 48 bytes; of a number that is longer, whose signature is refused for that, the last. */
const wide = (value: bigint): Buffer =>
  Buffer.from(
    value
      .toString(16)
      .padStart(2 * BYTES, "0")
      .slice(-2 * BYTES),
    "hex",
  );

function hintOf({ signed, signature, publicKey }: P384Signature): bigint {
  const [r, s] = [signature.subarray(0, BYTES), signature.subarray(BYTES)].map((part) => Fn.create(numberOf(part))) as [
    bigint,
    bigint,
  ];
  const [x, y] = [publicKey.subarray(0, BYTES), publicKey.subarray(BYTES)].map(numberOf) as [bigint, bigint];
  const key = pointOf(x, y);
  if (key === undefined || r === 0n || s === 0n) return NO_HINT;
  const inverse = Fn.inv(s);
  const digest = Fn.create(numberOf(createHash("sha384").update(signed).digest()));
  const point = BASE.multiplyUnsafe(Fn.mul(digest, inverse)).add(key.multiplyUnsafe(Fn.mul(r, inverse)));
  return point.is0() ? NO_HINT : point.toAffine().y;
}

function pointOf(x: bigint, y: bigint): typeof BASE | undefined {
  try {
    const point = p384.Point.fromAffine({ x, y });
    point.assertValidity();
    return point;
  } catch {
    // The library says by an exception that the numbers are no point of the curve.
    return undefined;
  }
}

/** Undefined where the bytes break a rule of the format. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
