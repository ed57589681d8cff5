/** The three measurements of an image, SHA-384 each, in the places AWS Nitro gives them. */
export interface Pcrs {
  /** The runtime: node, its libraries, onnxruntime. */
  readonly pcr0: Uint8Array;
  /** What is started and how: argument vectors, environment, filters, limits. */
  readonly pcr1: Uint8Array;
  /** The application: the bundles of signer and runner. */
  readonly pcr2: Uint8Array;
}
