import { type LookupAddress, lookup } from "node:dns";
import http from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import { isIP } from "node:net";
import type { FetchFailureCode } from "./ports";
import { isPublicAddress } from "./publicAddress";

export type HttpOutcome =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly code: FetchFailureCode; readonly detail: string };

export interface HttpGetArgs {
  readonly url: URL;
  readonly maxBytes: number;
  /** Ends connecting, redirects and reading alike. */
  readonly signal: AbortSignal;
}

const MOST_REDIRECTS = 3;

type Hop = HttpOutcome | { readonly redirect: string };

/**
 * One file by GET. The given address is the operator's choice and may be local; a redirect is the gateway's choice, and may only lead to
 * public addresses or back to the same origin, so that no gateway makes the daemon ask services of its own network (SSRF).
 * Stops reading at `maxBytes + 1`, whatever the gateway announces.
 */
export async function httpGet(args: HttpGetArgs): Promise<HttpOutcome> {
  let url = args.url;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects += 1) {
    const hop = await one({ ...args, url, publicOnly: url.origin !== args.url.origin });
    if (!("redirect" in hop)) return hop;
    if (!URL.canParse(hop.redirect, url.href))
      return { ok: false, code: "MODEL_REDIRECT_REFUSED", detail: "not an address" };
    const next = new URL(hop.redirect, url);
    if (next.protocol !== "https:" && next.protocol !== url.protocol)
      return { ok: false, code: "MODEL_REDIRECT_REFUSED", detail: "to a weaker or unknown scheme" };
    url = next;
  }
  return { ok: false, code: "MODEL_REDIRECT_REFUSED", detail: `more than ${MOST_REDIRECTS}` };
}

class PrivateAddressError extends Error {}

/** Resolves names and refuses special addresses at the moment of connecting: a name checked before could resolve to another address by then. */
const publicLookup: LookupFunction = (name, options, done) => {
  lookup(name, { ...options, all: true }, (error, found) => {
    const addresses = (found ?? []) as LookupAddress[];
    if (error !== null) return done(error, "", 0);
    if (addresses.length === 0 || addresses.some((one) => !isPublicAddress(one.address)))
      return done(new PrivateAddressError("special address"), "", 0);
    if (options.all === true) return (done as unknown as (e: null, all: LookupAddress[]) => void)(null, addresses);
    const [first] = addresses;
    return done(null, first?.address ?? "", first?.family ?? 0);
  });
};

function one(args: HttpGetArgs & { readonly publicOnly: boolean }): Promise<Hop> {
  const { url, maxBytes, signal, publicOnly } = args;
  const literal = url.hostname.replace(/^\[|\]$/g, "");
  // Node does not look up what is an address already, so those are checked here.
  if (publicOnly && isIP(literal) !== 0 && !isPublicAddress(literal))
    return Promise.resolve({ ok: false, code: "MODEL_REDIRECT_REFUSED", detail: "to an address that is not public" });
  return new Promise((resolve) => {
    const failWith = (error: unknown): void => {
      const detail = error instanceof Error && "code" in error ? String(error.code) : "the connection failed";
      resolve(
        error instanceof PrivateAddressError
          ? { ok: false, code: "MODEL_REDIRECT_REFUSED", detail: "to an address that is not public" }
          : { ok: false, code: "MODEL_UNREACHABLE", detail },
      );
    };
    const options: https.RequestOptions = {
      signal,
      agent: false,
      headers: { accept: "application/vnd.ipld.raw, application/octet-stream", "accept-encoding": "identity" },
      ...(publicOnly ? { lookup: publicLookup } : {}),
    };
    const request = (url.protocol === "https:" ? https : http).get(url, options, (response) => {
      const { statusCode = 0, headers } = response;
      const settle = (outcome: Hop): void => {
        resolve(outcome);
        request.destroy();
      };
      if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined)
        return settle({ redirect: headers.location });
      if (statusCode === 404 || statusCode === 410)
        return settle({ ok: false, code: "MODEL_NOT_FOUND", detail: `status ${statusCode}` });
      if (statusCode !== 200) return settle({ ok: false, code: "MODEL_UNREACHABLE", detail: `status ${statusCode}` });
      if (Number(headers["content-length"] ?? 0) > maxBytes)
        return settle({ ok: false, code: "MODEL_TOO_LARGE", detail: `announces more than ${maxBytes} bytes` });
      const parts: Buffer[] = [];
      let total = 0;
      response.on("data", (part: Buffer) => {
        total += part.length;
        parts.push(part);
        if (total > maxBytes)
          settle({ ok: false, code: "MODEL_TOO_LARGE", detail: `sent more than ${maxBytes} bytes` });
      });
      response.on("error", failWith);
      response.on("end", () =>
        response.complete ? resolve({ ok: true, bytes: Buffer.concat(parts) }) : failWith(undefined),
      );
    });
    request.on("error", failWith);
  });
}
