import { Agent, request as httpRequest } from "node:http";
import { request as httpsRequest, Agent as TlsAgent } from "node:https";
import { AssayError } from "../domain/errors";

/** Answers above this are refused before they fill the memory: a node that sends gigabytes is broken or hostile. */
const MAX_ANSWER_BYTES = 256 * 2 ** 20;

export interface Endpoint {
  readonly url: string;
  /** Sends one JSON text and gives the answer's text. */
  send(body: string, timeoutMs: number): Promise<string>;
  close(): void;
}

/** A JSON-RPC address over HTTP(S) with connections that are kept: a new one for each call would cost more than the call. */
export function httpEndpoint(url: string): Endpoint {
  const target = new URL(url);
  const tls = target.protocol === "https:";
  const agent = tls ? new TlsAgent({ keepAlive: true }) : new Agent({ keepAlive: true });
  const open = tls ? httpsRequest : httpRequest;
  const send = (body: string, timeoutMs: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const fail = (code: string, cause?: unknown): void =>
        reject(
          new AssayError({
            code,
            message: `no answer from ${target.origin}`,
            context: { url: target.origin },
            retry: "unknown",
            cause,
          }),
        );
      const req = open(target, {
        method: "POST",
        agent,
        headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
      });
      // The timer covers the whole exchange: a node that trickles bytes would never trip a socket time-out.
      const timer = setTimeout(() => {
        fail("RPC_TIMEOUT");
        req.destroy();
      }, timeoutMs);
      req.on("error", (cause) => fail("RPC_UNREACHABLE", cause));
      req.on("response", (response) => {
        const parts: Buffer[] = [];
        let size = 0;
        response.on("data", (part: Buffer) => {
          size += part.length;
          if (size > MAX_ANSWER_BYTES) req.destroy(new Error("answer too large"));
          else parts.push(part);
        });
        response.on("error", (cause) => fail("RPC_UNREACHABLE", cause));
        response.on("end", () => resolve(Buffer.concat(parts).toString("utf8")));
      });
      req.on("close", () => {
        clearTimeout(timer);
        fail("RPC_UNREACHABLE");
      });
      req.end(body);
    });
  return { url, send, close: () => agent.destroy() };
}
