import { Interface } from "ethers";
import { z } from "zod";
import { AssayError } from "../domain/errors";
import { type Address, address, type Hex32, hex32 } from "../domain/ids";
import type { IntentFields } from "../domain/pipe";
import type { ExplainChain } from "../explain/ports";
import { FORWARDER_ABI } from "../protocol/generated/abi";
import type { PipeClientStatus } from "./pipeEngine";

/** How a transaction or an intent ended, as far as it was seen. */
export type PipeEnd =
  | { readonly kind: "pending" }
  /** Given back untouched: it may be sent again, here or elsewhere. `reason` is the engine's code. */
  | { readonly kind: "returned"; readonly reason: string | undefined; readonly detail: string | undefined }
  /** Another transaction used its nonce. */
  | { readonly kind: "replaced" }
  | {
      /** `reverted`: it is in a block and did nothing, but for its fees. A reorg may take either back. */
      readonly kind: "landed" | "reverted";
      readonly transactionHash: Hex32;
      readonly blockNumber: number;
      /** Of an intent that failed: the first four bytes of what its target returned. */
      readonly selector: string | undefined;
    };

const FORWARDER = new Interface(FORWARDER_ABI);
const receiptSchema = z
  .object({
    status: z.string(),
    blockNumber: z.string(),
    logs: z.array(
      z.object({
        address: z.string().transform((value) => address(value)),
        topics: z.array(z.string()),
        data: z.string(),
      }),
    ),
  })
  .nullable();

/**
 * The end, if there is one. For what is in a block the user's own node decides: of a transaction its receipt, of an intent the forwarder's event with
 * this user and this nonce.
 * @throws AssayError `CLIENT_PIPE_STATUS_REFUTED`
 */
export async function endedOnChain(args: {
  readonly chain: ExplainChain;
  readonly forwarder: Address;
  readonly status: PipeClientStatus;
  /** The intent, where it was signed here; else the engine's word for sender and nonce is all there is to look for. */
  readonly intent: IntentFields | undefined;
}): Promise<PipeEnd | undefined> {
  const { chain, forwarder, status, intent } = args;
  const { state, kind } = status;
  if (state === "returned")
    return { kind: "returned", reason: status.reason ?? undefined, detail: status.detail ?? undefined };
  if (state === "replaced") return { kind: "replaced" };
  if (state !== "landed" && state !== "reverted" && state !== "final") return undefined;
  const transactionHash = kind === "raw" ? status.id : status.transactionHash;
  if (transactionHash === null) return undefined;
  const answer = await chain.call("eth_getTransactionReceipt", [transactionHash]);
  const parsed = receiptSchema.safeParse(answer);
  if (!parsed.success) {
    throw new AssayError({
      code: "RPC_ANSWER_MALFORMED",
      message: "the node's receipt is not of the form that it must have; try another node",
      context: { transactionHash },
      cause: parsed.error,
    });
  }
  const receipt = parsed.data;
  // The user's node may lag behind the engine's, or be on the other side of a reorg: neither refutes anything yet.
  if (receipt === null) return undefined;
  const at = { transactionHash, blockNumber: Number(receipt.blockNumber) };
  const succeeded = Number(receipt.status) === 1;
  if (kind === "raw") return { kind: succeeded ? "landed" : "reverted", ...at, selector: undefined };
  const { from, nonce } = intent ?? { from: status.sender, nonce: status.nonce };
  for (const log of receipt.logs) {
    if (log.address !== forwarder) continue;
    const event = FORWARDER.parseLog({ topics: log.topics, data: log.data });
    if (event?.name !== "IntentExecuted") continue;
    if (address(event.args.from) !== from || event.args.nonce !== nonce) continue;
    const done = event.args.success === true;
    return { kind: done ? "landed" : "reverted", ...at, selector: done ? undefined : String(event.args.reason) };
  }
  throw new AssayError({
    code: "CLIENT_PIPE_STATUS_REFUTED",
    message: "the engine names a transaction that did not execute this intent",
    context: { id: hex32(status.id), transactionHash, from, nonce },
  });
}
