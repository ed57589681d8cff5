import type { Hex32 } from "../domain/ids";
import { cidFromSha256 } from "../protocol/cid";
import { hashOf } from "./folder";
import type { ModelSource } from "./ports";

/**
 * An HTTP gateway that serves files by content id. `{cid}` and `{sha256}` in the address are replaced, else `/ipfs/{cid}` is appended.
 * The gateway is trusted for nothing: what it sends is cut off at the size limit and hashed.
 */
export function gatewaySource(args: { url: string; maxBytes: number; timeoutMs: number; onFault?: (fault: string) => void }): ModelSource {
  const fault = args.onFault ?? (() => undefined);
  return {
    get: async (hash) => {
      try {
        const response = await fetch(addressOf(args.url, hash), { signal: AbortSignal.timeout(args.timeoutMs), redirect: "error" });
        if (!response.ok || response.body === null) return undefined;
        const bytes = await readCapped(response.body, args.maxBytes);
        if (bytes === undefined) return void fault("GATEWAY_TOO_LARGE");
        if (hashOf(bytes) !== hash) return void fault("GATEWAY_WRONG_CONTENT");
        return bytes;
      } catch {
        // An outage of one source; the next one is asked.
        return void fault("GATEWAY_UNREACHABLE");
      }
    },
  };
}

function addressOf(template: string, hash: Hex32): string {
  const cid = cidFromSha256(hash);
  if (/\{(cid|sha256)\}/.test(template)) return template.replaceAll("{cid}", cid).replaceAll("{sha256}", hash.slice(2));
  return `${template.replace(/\/$/, "")}/ipfs/${cid}`;
}

async function readCapped(body: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body as unknown as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > maxBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
