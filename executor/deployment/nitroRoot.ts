import { hex32 } from "../domain/ids";

/**
 * The root of AWS Nitro attestation in the aws partition ("aws.nitro-enclaves", G1, valid to 2049), whose DER has the published sha-256
 * 641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b. GovCloud and China have roots of their own.
 */
export const AWS_NITRO_ROOT = {
  /** keccak256 of the certificate's DER: what the verifier pins. */
  certificateHash: hex32("0x311d96fcd5c5e0ccf72ef548e2ea7d4c0cd53ad7c4cc49e67471aed41d61f185"),
  /** keccak256 of its public key, x ‖ y: what claims name, and the registry accepts. */
  rootId: hex32("0x3cd380ce7079e2d83662d81de2199d3ce01d5993a92707ef3c9a77b3cae1a0d8"),
} as const;
