import { NitroVerifierEvm } from "../deployment/nitroEvm";
import { AWS_NITRO_ROOT } from "../deployment/nitroRoot";
import { isAssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import { decodeCoseSign1 } from "../protocol/cose";
import { verifyNitroDocument } from "../protocol/nitro/verify";
import { decodeNitroPayload } from "../protocol/nitroDocument";
import { keccak256 } from "../protocol/statement";

type Said = "accepted" | "refused";

/** What both verifiers say of a document. */
export interface CheckedDocument {
  readonly file: string;
  readonly typescript: Said;
  readonly solidity: Said;
  /** Why it was refused: the name of the Solidity verifier's error, or the TypeScript one's if only that refuses. */
  readonly rule: string | null;
  /** Gas of a verifying transaction, calldata included, with nothing cached; null if refused. */
  readonly gasCold: number | null;
  /** The same with the CA certificates cached. */
  readonly gasWarm: number | null;
}

export interface CheckOptions {
  readonly documents: readonly { readonly file: string; readonly bytes: Uint8Array }[];
  /** DER of the root certificate; AWS's without it. */
  readonly root?: Uint8Array;
  /** Seconds since 1970; each document's own timestamp without it. */
  readonly at?: bigint;
}

/**
 * Puts documents to both verifiers, one after the other, and reports each as soon as it is done. The chain of the Solidity one is started here and
 * ended here, by a signal too.
 * @throws AssayError `LOCAL_NODE_…`, `ARTIFACT_MISSING`
 */
export async function checkDocuments(
  { documents, root, at }: CheckOptions,
  report: (checked: CheckedDocument) => void,
): Promise<void> {
  const rootHash = root === undefined ? AWS_NITRO_ROOT.certificateHash : keccak256(root);
  const evm = await NitroVerifierEvm.start(rootHash);
  const onSignal = (): void => void evm.stop().finally(() => process.exit(130));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, onSignal);
  try {
    for (const { file, bytes } of documents) report({ file, ...(await check(evm, bytes, { rootHash, at })) });
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, onSignal);
    await evm.stop();
  }
}

async function check(
  evm: NitroVerifierEvm,
  document: Uint8Array,
  given: { readonly rootHash: Hex32; readonly at: bigint | undefined },
): Promise<Omit<CheckedDocument, "file">> {
  const at = given.at ?? ownSeconds(document);
  const twin = verifyNitroDocument({ document, root: given.rootHash, at });
  const chain = await evm.verdict(document, at);
  return {
    typescript: twin.ok ? "accepted" : "refused",
    solidity: chain.ok ? "accepted" : "refused",
    rule: chain.ok ? (twin.ok ? null : twin.rule) : chain.rule,
    gasCold: chain.ok ? chain.gasCold : null,
    gasWarm: chain.ok ? chain.gasWarm : null,
  };
}

/** The document's own clock; of one that has none, or an absurd one, any time does: it is refused before, or by its certificates. */
function ownSeconds(document: Uint8Array): bigint {
  try {
    const { timestampMs } = decodeNitroPayload(decodeCoseSign1(document, "ES384").payload);
    return timestampMs / 1_000n;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return 0n;
  }
}
