import { z } from "zod";
import { rpcError } from "./errors";
import { type RpcReply, revertDataOf } from "./types";

const replySchema = z.object({
  id: z.union([z.number(), z.string(), z.null()]).optional(),
  result: z.unknown().optional(),
  error: z.object({ code: z.number(), message: z.string().catch(""), data: z.unknown().optional() }).nullish(),
});

/**
 * Puts the replies of a batch into the order of its calls.
 * @throws AssayError `RPC_MALFORMED` for text that is not JSON-RPC, or lacks a reply.
 */
export function parseReplies(text: string, batch: { first: number; count: number; endpoint: string }): RpcReply[] {
  const malformed = (cause?: unknown) =>
    rpcError("RPC_MALFORMED", "the node did not answer JSON-RPC", { context: { endpoint: batch.endpoint }, cause });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw malformed(cause);
  }
  const list = Array.isArray(parsed) ? parsed : [parsed];
  const replies: (RpcReply | undefined)[] = new Array(batch.count).fill(undefined);
  for (const entry of list) {
    const reply = replySchema.safeParse(entry);
    if (!reply.success) throw malformed(reply.error);
    const { id, result, error } = reply.data;
    if (error) {
      const data = revertDataOf(error.data);
      const refusal = { code: error.code, message: error.message, ...(data === undefined ? {} : { revertData: data }) };
      // A request that could not be read at all is answered once, without an id: it is the answer to every call.
      if (typeof id !== "number") return replies.map(() => ({ ok: false, error: refusal }));
      if (id >= batch.first && id < batch.first + batch.count) replies[id - batch.first] = { ok: false, error: refusal };
    } else if (typeof id === "number" && id >= batch.first && id < batch.first + batch.count && result !== undefined) {
      replies[id - batch.first] = { ok: true, result };
    }
  }
  return replies.map((reply) => {
    if (reply === undefined) throw malformed();
    return reply;
  });
}
