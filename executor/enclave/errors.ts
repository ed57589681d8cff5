import { AssayError, type AssayErrorInit } from "../domain/errors";

export type EnclaveErrorCode =
  /** No launcher reaches the level that the operator demands. */
  | "ENCLAVE_LEVEL_UNREACHABLE"
  /** This launcher does not work on this machine. */
  | "ENCLAVE_LAUNCHER_UNAVAILABLE"
  /** The sandbox came up, but a self-test inside it could do what it must not. */
  | "ENCLAVE_SELF_TEST_FAILED"
  /** No seccomp filter is known for this processor, or no sandbox for this system. */
  | "ENCLAVE_PLATFORM_UNSUPPORTED"
  /** A file of the image is missing: the bundle was not built or a dependency is not installed. */
  | "ENCLAVE_IMAGE_INCOMPLETE"
  /** A measured file changed between its hashing and the start. */
  | "ENCLAVE_IMAGE_CHANGED"
  /** The signer ended, or was ended because it broke the protocol. */
  | "ENCLAVE_GONE"
  | "ENCLAVE_START_TIMEOUT"
  /** The signer refused what it was asked, for the reason in `context.reason`. */
  | "ENCLAVE_REFUSED"
  | "ENCLAVE_CONFIG_INVALID"
  /** The file of the development root is not a private P-256 key, or is readable by others. */
  | "ENCLAVE_ROOT_UNUSABLE";

/** What goes wrong with an enclave as a whole; what goes wrong with one run is a `RunFailure`. */
export class EnclaveError extends AssayError {
  declare readonly code: EnclaveErrorCode;

  constructor(init: AssayErrorInit & { readonly code: EnclaveErrorCode }) {
    super(init);
    this.name = "EnclaveError";
  }
}
