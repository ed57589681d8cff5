import { generateKeyPairSync } from "node:crypto";
import { keccak256 } from "ethers";
import { hex32 } from "../../executor/domain/ids";
import { pcrMap } from "../../executor/enclave/measure/measure";
import { Platform } from "../../executor/enclave/platform/platform";
import { CHAIN, documentOf, KEYS, type Key, payloadOf, ROOT_HASH } from "../../test/fixtures/attestation/chain";

const PCR_COUNT = 16;
const PCR_BYTES = 48;

/** The development root of AWS's format that the demonstration's chain is deployed with. */
export const DEMO_NITRO_ROOT = {
  certificateHash: hex32(ROOT_HASH),
  rootId: hex32(keccak256((KEYS[0] as Key).publicKey)),
} as const;

/**
 * Vouches for software enclaves by documents of exactly AWS's format: ES384, under four certificates. Its keys are in this repository, so that it
 * proves nothing about anything, and the registry gives what it vouches for a software level.
 */
export class NitroFormatPlatform extends Platform {
  override readonly rootId = DEMO_NITRO_ROOT.rootId;

  /** @param clock seconds of block time, which the certificates are valid at */
  constructor(private readonly clock: () => number) {
    // The root of development documents, which this platform never gives.
    super(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  }

  override document(parts: Parameters<Platform["document"]>[0]): Uint8Array {
    const pcrs = new Map(pcrMap(parts.pcrs));
    for (let index = pcrs.size; index < PCR_COUNT; index++) pcrs.set(index, new Uint8Array(PCR_BYTES));
    return documentOf(
      payloadOf(CHAIN, {
        moduleId: "i-0123456789abcdef0-enc0123456789abcdef",
        timestampMs: 1_000n * BigInt(this.clock()),
        pcrs,
        publicKey: parts.publicKey,
        userData: parts.userData,
        nonce: parts.nonce ?? new Uint8Array(),
      }),
    );
  }
}
