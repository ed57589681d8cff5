import { createPublicKey, type KeyObject } from "node:crypto";
import { keccak_256 } from "@noble/hashes/sha3";
import type { Hex32 } from "../domain/ids";
import { bytesToHex } from "./bytes";
import { decodeCoseSign1, verifyCoseSign1 } from "./cose";
import { decodeNitroPayload, type NitroPayload } from "./nitroDocument";
import { ProtocolError } from "./protocolError";

/** What a verified document says, as `IAttestationVerifier.Claims` does on the chain. */
export interface AttestationClaims extends NitroPayload {
  readonly rootId: Hex32;
  /** keccak256 of the payload. Documents are told apart by it, never by their own hash, which a second s changes. */
  readonly payloadHash: Hex32;
}

/** A P-256 public key as its raw coordinates x ‖ y, 64 bytes: the form in which a chain pins a development root. */
export type RawP256Key = Uint8Array;

/** The raw coordinates of a P-256 key (public or private). */
export function rawP256Key(key: KeyObject): RawP256Key {
  const jwk = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  if (jwk.crv !== "P-256" || jwk.x === undefined || jwk.y === undefined) throw new TypeError("not a P-256 key");
  return Buffer.concat([Buffer.from(jwk.x, "base64url"), Buffer.from(jwk.y, "base64url")]);
}

/** `rootId` of docs/protocol.md, section 3: keccak256(x ‖ y). */
export function rootIdOf(root: Uint8Array): Hex32 {
  return bytesToHex(keccak_256(root)) as Hex32;
}

/** `imageId` of docs/protocol.md, section 3: keccak256(rootId ‖ pcr0 ‖ pcr1 ‖ pcr2). */
export function imageIdOf(claims: Pick<AttestationClaims, "rootId" | "pcrs">): Hex32 {
  const pcrs = [0, 1, 2].map((index) => {
    const pcr = claims.pcrs.get(index);
    if (pcr === undefined || pcr.length !== 48) {
      throw new ProtocolError({
        code: "NITRO_PCR_MISSING",
        message: "an image has PCR 0, 1 and 2 of 48 bytes",
        context: { index },
      });
    }
    return pcr;
  });
  return bytesToHex(keccak_256(Buffer.concat([Buffer.from(claims.rootId.slice(2), "hex"), ...pcrs]))) as Hex32;
}

/**
 * Verifies a development document (ES256 by the root itself) and returns what it claims: the twin of
 * `DevelopmentAttestationVerifier`. Not checked, as on the chain: whether the document is fresh, its image approved, its
 * user data meant for this registry.
 * @throws ProtocolError `DEVELOPMENT_SIGNATURE_INVALID` and the codes of the two decoders
 */
export function verifyDevelopmentDocument(document: Uint8Array, root: RawP256Key): AttestationClaims {
  const message = decodeCoseSign1(document, "ES256");
  const coordinate = (start: number): string => Buffer.from(root.subarray(start, start + 32)).toString("base64url");
  const key = createPublicKey({ key: { kty: "EC", crv: "P-256", x: coordinate(0), y: coordinate(32) }, format: "jwk" });
  if (!verifyCoseSign1(message, key)) {
    throw new ProtocolError({
      code: "DEVELOPMENT_SIGNATURE_INVALID",
      message: "the document is not signed by the root",
    });
  }
  const payloadHash = bytesToHex(keccak_256(message.payload)) as Hex32;
  return { ...decodeNitroPayload(message.payload), rootId: rootIdOf(root), payloadHash };
}
