import type { Provider } from "ethers";
import { z } from "zod";
import { AssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import type { ExplainChain } from "../explain/ports";

type Send = (method: string, params: unknown[]) => Promise<unknown>;

/**
 * Plain JSON-RPC through a provider that has `send`: ethers' own and Hardhat's do. An error that the node answered becomes `RPC_ERROR`, as the
 * port demands; anything else is an outage and becomes `RPC_UNREACHABLE`.
 * @throws AssayError `CLIENT_NO_PROVIDER` where there is none, or one without `send`
 */
export function providerChain(provider: Provider | null): ExplainChain {
  const send = (provider as unknown as { send?: Send } | null)?.send?.bind(provider);
  if (send === undefined)
    throw new AssayError({
      code: "CLIENT_NO_PROVIDER",
      message: "the signer has no JSON-RPC provider; connect it to one",
    });
  return {
    call: async <T>(method: string, params: readonly unknown[] = []) => {
      try {
        return (await send(method, [...params])) as T;
      } catch (cause) {
        throw readFailed(method, cause);
      }
    },
  };
}

function readFailed(method: string, cause: unknown): AssayError {
  const answered = nodeError(cause, 0);
  if (answered === undefined)
    return new AssayError({
      code: "RPC_UNREACHABLE",
      message: `the node did not answer ${method}`,
      context: { method },
      retry: "later",
      cause,
    });
  return new AssayError({
    code: "RPC_ERROR",
    message: `the node refused ${method}`,
    context: { method, code: answered.code },
    retry: "later",
    cause,
  });
}

/** ethers wraps what the node said (`error`, `info.error`), Hardhat throws it as it is; a JSON-RPC error has a number as its code, an outage a word. */
function nodeError(value: unknown, depth: number): { readonly code: number } | undefined {
  if (typeof value !== "object" || value === null || depth > 3) return undefined;
  const { code, error, info } = value as { code?: unknown; error?: unknown; info?: unknown };
  if (typeof code === "number") return { code };
  return nodeError(error, depth + 1) ?? nodeError(info, depth + 1);
}

const receiptSchema = z.object({ gasUsed: z.string().regex(/^0x[0-9a-f]+$/i) });

/** @throws AssayError `RPC_ANSWER_MALFORMED`, also for a transaction that the node does not have any more */
export async function gasUsedBy(chain: ExplainChain, transaction: Hex32): Promise<bigint> {
  const receipt = receiptSchema.safeParse(await chain.call("eth_getTransactionReceipt", [transaction]));
  if (receipt.success) return BigInt(receipt.data.gasUsed);
  throw new AssayError({
    code: "RPC_ANSWER_MALFORMED",
    message: "the node gives no receipt of a transaction whose event it gave",
    context: { transaction },
    retry: "later",
  });
}
