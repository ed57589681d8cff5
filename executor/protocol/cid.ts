import { AssayError } from "../domain/errors";
import { type Hex32, hex32 } from "../domain/ids";
import { bytesToHex, concatBytes, hexToBytes } from "./bytes";

/** CIDv1, codec `raw` (0x55), multihash sha2-256 (0x12) of 32 bytes: https://github.com/multiformats/cid */
const PREFIX = Uint8Array.of(0x01, 0x55, 0x12, 0x20);
/** RFC 4648 base32 in lower case without padding; multibase marks it by a leading "b". */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const CID_BYTES = 36;
const CID_DIGITS = Math.ceil((8 * CID_BYTES) / 5);
const PADDING_BITS = BigInt(5 * CID_DIGITS - 8 * CID_BYTES);

/** The content id of a file whose sha-256 is `hash`: `bafkrei…`. */
export function cidFromSha256(hash: Hex32): string {
  let bits = BigInt(bytesToHex(concatBytes(PREFIX, hexToBytes(hash)))) << PADDING_BITS;
  let digits = "";
  for (let i = 0; i < CID_DIGITS; i += 1) {
    digits = ALPHABET.charAt(Number(bits & 31n)) + digits;
    bits >>= 5n;
  }
  return `b${digits}`;
}

/**
 * The sha-256 inside a content id.
 * @throws AssayError `CID_UNSUPPORTED` for anything but the one form that `cidFromSha256` makes, so that one file has one id
 */
export function sha256FromCid(cid: string): Hex32 {
  const unsupported = new AssayError({ code: "CID_UNSUPPORTED", message: "expected a CIDv1, raw, sha2-256, base32 (bafkrei…)", context: { cid } });
  if (!/^b[a-z2-7]{58}$/.test(cid)) throw unsupported;
  let bits = 0n;
  for (const digit of cid.slice(1)) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(digit));
  const hex = (bits >> PADDING_BITS).toString(16).padStart(2 * CID_BYTES, "0");
  const hash = hex32(`0x${hex.slice(2 * PREFIX.length)}`);
  // Writing it again compares the prefix and the padding bits at once.
  if (cidFromSha256(hash) !== cid) throw unsupported;
  return hash;
}
