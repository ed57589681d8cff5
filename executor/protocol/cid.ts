import { AssayError } from "../domain/errors";
import { type Hex32, hex32 } from "../domain/ids";
import { bytesToHex, concatBytes, hexToBytes } from "./bytes";

/** CIDv1, codec `raw` (0x55), multihash sha2-256 (0x12) of 32 bytes. @see https://github.com/multiformats/cid */
const PREFIX = Uint8Array.of(0x01, 0x55, 0x12, 0x20);
/** RFC 4648 base32 in lower case without padding; multibase marks it by a leading "b". */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** The content id of a file whose sha-256 is `hash`: `bafkrei…`. */
export function cidFromSha256(hash: Hex32): string {
	let bits = 0n;
	const bytes = concatBytes(PREFIX, hexToBytes(hash));
	for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
	const digits = Math.ceil((8 * bytes.length) / 5);
	bits <<= BigInt(5 * digits - 8 * bytes.length);
	let out = "";
	for (let i = digits - 1; i >= 0; i--)
		out += ALPHABET[Number((bits >> BigInt(5 * i)) & 31n)];
	return `b${out}`;
}

/**
 * The sha-256 inside a content id.
 * @throws AssayError `CID_UNSUPPORTED` for anything but the one form that `cidFromSha256` makes
 */
export function sha256FromCid(cid: string): Hex32 {
	const fail = (): AssayError =>
		new AssayError({
			code: "CID_UNSUPPORTED",
			message: "expected a CIDv1, raw, sha2-256, base32 (bafkrei…)",
			context: { cid },
		});
	if (!/^b[a-z2-7]{58}$/.test(cid)) throw fail();
	let bits = 0n;
	for (const char of cid.slice(1))
		bits = (bits << 5n) | BigInt(ALPHABET.indexOf(char));
	const padding = 5 * 58 - 8 * 36;
	if ((bits & ((1n << BigInt(padding)) - 1n)) !== 0n) throw fail();
	const bytes = hexToBytes(
		`0x${(bits >> BigInt(padding)).toString(16).padStart(72, "0")}`,
	);
	if (PREFIX.some((byte, i) => bytes[i] !== byte)) throw fail();
	return hex32(bytesToHex(bytes.subarray(4)));
}
