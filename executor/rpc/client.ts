import { z } from "zod";
import { AssayError } from "../domain/errors";
import { type Endpoint, httpEndpoint } from "./transport";

export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What a node answered to one call: a value, or an error of its own. An error of the node is an answer, not an outage. */
export type RpcAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: RpcNodeError };

export interface RpcNodeError {
  /** JSON-RPC error code; 3 is "execution reverted" by convention. */
  readonly code: number;
  readonly message: string;
  /** Revert data where the node gives it, else undefined. */
  readonly data: `0x${string}` | undefined;
}

const answerSchema = z.object({
  id: z.number(),
  result: z.unknown().optional(),
  error: z.object({ code: z.number(), message: z.string().default(""), data: z.unknown().optional() }).optional(),
});

/** Nodes disagree on where revert data lies: plain, or one or two objects deeper. */
function revertData(data: unknown): `0x${string}` | undefined {
  if (typeof data === "string") return /^0x[0-9a-fA-F]*$/.test(data) ? (data as `0x${string}`) : undefined;
  if (typeof data !== "object" || data === null) return undefined;
  return revertData((data as { data?: unknown }).data);
}

export interface RpcClientOptions {
  readonly urls: readonly string[];
  readonly timeoutMs?: number;
  /** Called when the client turns from one address to another. */
  readonly onFailover?: (from: string, to: string, error: AssayError) => void;
}

/**
 * JSON-RPC 2.0 over several addresses. One is used until it fails, so that consecutive reads come from one view of the chain;
 * then the next. A call that may have had an effect (`eth_sendRawTransaction`) is safe to send again: the same bytes are the same transaction.
 */
export class RpcClient {
  private readonly endpoints: readonly Endpoint[];
  private readonly timeoutMs: number;
  private active = 0;
  private nextId = 1;

  constructor(private readonly options: RpcClientOptions) {
    if (options.urls.length === 0) {
      throw new AssayError({ code: "RPC_NO_ADDRESS", message: "give at least one RPC address" });
    }
    this.endpoints = options.urls.map(httpEndpoint);
    this.timeoutMs = options.timeoutMs ?? 10_000;
  }

  get urls(): readonly string[] {
    return this.options.urls;
  }

  /** The address in use now. */
  get activeUrl(): string {
    return this.endpoint(this.active).url;
  }

  /** @throws AssayError `RPC_ERROR` for an answer that is an error, `RPC_TIMEOUT`, `RPC_UNREACHABLE`, `RPC_ANSWER_MALFORMED` */
  async call<T = unknown>(method: string, params: readonly unknown[] = []): Promise<T> {
    const [answer] = await this.batch([{ method, params }]);
    if (answer === undefined) throw malformed(method);
    return valueOrThrow(answer, method) as T;
  }

  /** Sends several calls in one exchange; the answers come in the order of the calls. */
  async batch(calls: readonly RpcCall[]): Promise<RpcAnswer[]> {
    let last: unknown;
    for (let tries = 0; tries < this.endpoints.length; tries++) {
      const at = this.active;
      try {
        return await this.exchange(this.endpoint(at), calls);
      } catch (error) {
        if (!(error instanceof AssayError)) throw error;
        last = error;
        this.turnFrom(at, error);
      }
    }
    throw last;
  }

  /** The same calls to every address, for comparing them; an address that fails gives its error. */
  async everywhere(calls: readonly RpcCall[]): Promise<{ url: string; answers: RpcAnswer[] | AssayError }[]> {
    return Promise.all(
      this.endpoints.map(async (endpoint) => ({
        url: endpoint.url,
        answers: await this.exchange(endpoint, calls).catch((error: unknown) => {
          if (error instanceof AssayError) return error;
          throw error;
        }),
      })),
    );
  }

  /** Turns to the next address because the answers of this one contradict themselves or the others. */
  distrust(error: AssayError): void {
    this.turnFrom(this.active, error);
  }

  close(): void {
    for (const endpoint of this.endpoints) endpoint.close();
  }

  private endpoint(index: number): Endpoint {
    // The index is always taken modulo the length, which is at least one.
    return this.endpoints[index % this.endpoints.length] as Endpoint;
  }

  private turnFrom(index: number, error: AssayError): void {
    // Another call may have turned already; turning twice would come back to the broken one.
    if (this.active !== index || this.endpoints.length === 1) return;
    this.active = (index + 1) % this.endpoints.length;
    this.options.onFailover?.(this.endpoint(index).url, this.activeUrl, error);
  }

  private async exchange(endpoint: Endpoint, calls: readonly RpcCall[]): Promise<RpcAnswer[]> {
    const first = this.nextId;
    this.nextId += calls.length;
    const bodies = calls.map(({ method, params }, i) => ({ jsonrpc: "2.0", id: first + i, method, params }));
    const text = await endpoint.send(JSON.stringify(bodies.length === 1 ? bodies[0] : bodies), this.timeoutMs);
    return readAnswers({ text, first, count: calls.length, url: endpoint.url });
  }
}

function readAnswers(args: { text: string; first: number; count: number; url: string }): RpcAnswer[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(args.text);
  } catch (cause) {
    throw malformed(args.url, cause);
  }
  const list = z.array(answerSchema).safeParse(Array.isArray(parsed) ? parsed : [parsed]);
  if (!list.success) throw malformed(args.url, list.error);
  const byId = new Map(list.data.map((answer) => [answer.id, answer]));
  return Array.from({ length: args.count }, (_, i) => {
    const answer = byId.get(args.first + i);
    // A missing answer is a failed read, never an empty one.
    if (answer === undefined) throw malformed(args.url);
    if (answer.error === undefined) return { ok: true, value: answer.result ?? null };
    return {
      ok: false,
      error: { code: answer.error.code, message: answer.error.message, data: revertData(answer.error.data) },
    };
  });
}

function malformed(where: string, cause?: unknown): AssayError {
  return new AssayError({
    code: "RPC_ANSWER_MALFORMED",
    message: "the node's answer is no JSON-RPC",
    context: { where },
    retry: "later",
    cause,
  });
}

/** The value of an answer. @throws AssayError `RPC_ERROR` with the node's code and revert data */
export function valueOrThrow(answer: RpcAnswer, method: string): unknown {
  if (answer.ok) return answer.value;
  const { code, message, data } = answer.error;
  throw new AssayError({
    code: "RPC_ERROR",
    message: `the node refused ${method}: ${message}`,
    context: { method, code, data },
    retry: "later",
  });
}
