import { AssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import { cidFromSha256 } from "../protocol/cid";
import { failed, sha256Of } from "./hash";
import { httpGet } from "./httpGet";
import type { FetchOutcome, ModelSource } from "./ports";

/**
 * The address of a file at a gateway: `{cid}` and `{sha256}` (64 digits) are replaced where they stand, else the path of the
 * trustless gateway is appended (https://specs.ipfs.tech/http-gateways/trustless-gateway).
 */
export function gatewayUrl(gateway: string, modelHash: Hex32): URL {
  const cid = cidFromSha256(modelHash);
  if (/\{(cid|sha256)\}/.test(gateway))
    return new URL(gateway.replaceAll("{cid}", cid).replaceAll("{sha256}", modelHash.slice(2)));
  const url = new URL(gateway);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/ipfs/${cid}`;
  url.searchParams.set("format", "raw");
  return url;
}

/** One HTTP gateway that serves files by content id. It is not trusted: what it gives is hashed. */
export class GatewaySource implements ModelSource {
  /** Host only: the path of a gateway may hold an access key. */
  readonly name: string;
  readonly #gateway: string;
  readonly #maxBytes: number;
  readonly #timeoutMs: number;

  /** @throws AssayError `MODEL_GATEWAY_INVALID` unless it is an http or https address */
  constructor(args: { readonly gateway: string; readonly maxBytes: number; readonly timeoutMs: number }) {
    const plain = args.gateway.replaceAll(/\{(cid|sha256)\}/g, "x");
    if (!URL.canParse(plain) || !["http:", "https:"].includes(new URL(plain).protocol)) {
      throw new AssayError({ code: "MODEL_GATEWAY_INVALID", message: "a gateway is an http or https address" });
    }
    this.#gateway = args.gateway;
    this.#maxBytes = args.maxBytes;
    this.#timeoutMs = args.timeoutMs;
    this.name = `gateway ${new URL(plain).host}`;
  }

  async fetch(modelHash: Hex32, signal?: AbortSignal): Promise<FetchOutcome> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    const either = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
    const got = await httpGet({ url: gatewayUrl(this.#gateway, modelHash), maxBytes: this.#maxBytes, signal: either });
    if (got.ok) {
      if (sha256Of(got.bytes) === modelHash) return { ok: true, bytes: got.bytes, source: this.name };
      return failed("MODEL_HASH_MISMATCH", this.name, `${got.bytes.length} bytes of something else`);
    }
    if (signal?.aborted === true) return failed("MODEL_ABORTED", this.name, "aborted");
    if (timeout.aborted) return failed("MODEL_TIMEOUT", this.name, `more than ${this.#timeoutMs} ms`);
    return failed(got.code, this.name, got.detail);
  }
}
