import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { GatewaySource, gatewayUrl } from "../../../executor/availability/gatewaySource";
import { sha256Of } from "../../../executor/availability/hash";
import type { FetchOutcome } from "../../../executor/availability/ports";
import { isAssayError } from "../../../executor/domain/errors";
import { cidFromSha256 } from "../../../executor/protocol/cid";

const A = Buffer.from("model a");
const HASH = sha256Of(A);
const CID = cidFromSha256(HASH);
const failureOf = (outcome: FetchOutcome) => (outcome.ok ? undefined : outcome.failure);

describe("availability: the address of a file at a gateway", () => {
  it("appends the trustless gateway's path, below what the operator gave", () => {
    for (const [gateway, href] of [
      ["https://g.example", `https://g.example/ipfs/${CID}?format=raw`],
      ["https://g.example/", `https://g.example/ipfs/${CID}?format=raw`],
      ["https://g.example:8443/below/", `https://g.example:8443/below/ipfs/${CID}?format=raw`],
      ["https://g.example/?key=1&format=car", `https://g.example/ipfs/${CID}?key=1&format=raw`],
    ] as const)
      expect(gatewayUrl(gateway, HASH).href).to.equal(href);
  });

  it("replaces every placeholder where it stands, and appends nothing then", () => {
    const digits = HASH.slice(2);
    expect(gatewayUrl("https://g.example/{sha256}/{cid}?again={sha256}", HASH).href).to.equal(
      `https://g.example/${digits}/${CID}?again=${digits}`,
    );
    expect(gatewayUrl("https://{cid}.ipfs.example/", HASH).hostname).to.equal(`${CID}.ipfs.example`);
  });
});

describe("availability: a gateway as a source", () => {
  let server: http.Server;
  let base: string;
  let answer: http.RequestListener;
  beforeEach(async () => {
    server = http.createServer((request, response) => answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  const source = (timeoutMs = 30_000) => new GatewaySource({ gateway: `${base}/key-123`, maxBytes: 100, timeoutMs });

  it("names itself as where the bytes came from", async () => {
    answer = (_request, response) => response.end(A);
    expect(await source().fetch(HASH)).to.deep.equal({ ok: true, bytes: A, source: `gateway ${new URL(base).host}` });
  });

  it("refuses bytes whose hash is another, and an empty file too", async () => {
    for (const bytes of [Buffer.from("model A"), Buffer.alloc(0), Buffer.concat([A, A])]) {
      answer = (_request, response) => response.end(bytes);
      expect(failureOf(await source().fetch(HASH))).to.include({ code: "MODEL_HASH_MISMATCH", retryable: false });
    }
  });

  it("says of each failure whether asking again makes sense, and never where it asked", async () => {
    for (const [listener, code, retryable] of [
      [(r: http.ServerResponse) => r.writeHead(404).end(), "MODEL_NOT_FOUND", true],
      [(r: http.ServerResponse) => r.writeHead(500).end(), "MODEL_UNREACHABLE", true],
      [(r: http.ServerResponse) => r.end(Buffer.alloc(101)), "MODEL_TOO_LARGE", false],
      [(r: http.ServerResponse) => r.writeHead(302, { location: "http://[" }).end(), "MODEL_REDIRECT_REFUSED", false],
    ] as const) {
      answer = (_request, response) => listener(response);
      const outcome = await source().fetch(HASH);
      const failure = failureOf(outcome);
      expect(failure).to.include({ code, retryable, source: `gateway ${new URL(base).host}` });
      expect(outcome.ok ? [] : outcome.attempts).to.deep.equal([failure]);
      // The path may hold an access key.
      expect(JSON.stringify(outcome)).to.not.include("key-123");
    }
  });

  it("ends a gateway that stops in the middle of the file by its time limit", async () => {
    answer = (_request, response) => response.write(A);
    expect(failureOf(await source(30).fetch(HASH))).to.include({ code: "MODEL_TIMEOUT", retryable: true });
  });

  it("calls it aborted when the caller ends it, in the middle of the file or before the fetch", async () => {
    const stop = new AbortController();
    answer = (_request, response) => response.write(A, () => stop.abort());
    expect(failureOf(await source().fetch(HASH, stop.signal))).to.include({ code: "MODEL_ABORTED", retryable: true });
    expect(failureOf(await source().fetch(HASH, stop.signal))?.code).to.equal("MODEL_ABORTED");
  });

  it("takes only http and https, with or without placeholders", () => {
    for (const gateway of ["", "g.example", "ftp://g.example", "file:///x", "ipfs://x", "https://", "{cid}"]) {
      let thrown: unknown;
      try {
        new GatewaySource({ gateway, maxBytes: 1, timeoutMs: 1 });
      } catch (error) {
        thrown = error;
      }
      expect(isAssayError(thrown, "MODEL_GATEWAY_INVALID"), gateway).to.equal(true);
    }
    for (const gateway of ["http://127.0.0.1:8080", "https://g.example/{cid}", "https://{cid}.ipfs.example"])
      expect(() => new GatewaySource({ gateway, maxBytes: 1, timeoutMs: 1 })).to.not.throw();
  });

  it("leaves path, key and user out of its name", () => {
    const named = new GatewaySource({
      gateway: "https://user:secret@g.example:8443/key?k=1",
      maxBytes: 1,
      timeoutMs: 1,
    });
    expect(named.name).to.equal("gateway g.example:8443");
  });
});
