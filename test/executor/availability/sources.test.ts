import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { BlobSource, KeepingSource } from "../../../executor/availability/blobSource";
import { FileBlobStore } from "../../../executor/availability/fileBlobStore";
import { FolderSource } from "../../../executor/availability/folderSource";
import { GatewaySource, gatewayUrl } from "../../../executor/availability/gatewaySource";
import { sha256Of } from "../../../executor/availability/hash";
import type { FetchOutcome } from "../../../executor/availability/ports";
import { isPublicAddress } from "../../../executor/availability/publicAddress";
import { isAssayError } from "../../../executor/domain/errors";
import { cidFromSha256 } from "../../../executor/protocol/cid";

const A = Buffer.from("model a");
const B = Buffer.from("model b, longer");
const codeOf = (outcome: FetchOutcome): string => (outcome.ok ? "ok" : outcome.failure.code);

describe("availability: files", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-availability-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("finds a file by its content whatever its name, and one that is dropped in later without a restart", async () => {
    mkdirSync(join(folder, "deep"));
    writeFileSync(join(folder, "deep", "x.onnx"), A);
    const source = new FolderSource({ folder, maxBytes: 100 });
    expect(await source.fetch(sha256Of(A))).to.deep.include({ ok: true, source: "folder" });
    expect(source.sizeOf(sha256Of(A))).to.equal(A.length);
    expect(codeOf(await source.fetch(sha256Of(B)))).to.equal("MODEL_NOT_FOUND");
    writeFileSync(join(folder, "later.onnx"), B);
    expect(codeOf(await source.fetch(sha256Of(B)))).to.equal("ok");
  });

  it("hashes what it gives: a changed file is not the old model, and a moved one is found again", async () => {
    const path = join(folder, "x.onnx");
    writeFileSync(path, A);
    const source = new FolderSource({ folder, maxBytes: 100 });
    await source.scan();
    writeFileSync(path, B);
    expect(codeOf(await source.fetch(sha256Of(A)))).to.equal("MODEL_NOT_FOUND");
    renameSync(path, join(folder, "y.onnx"));
    expect(codeOf(await source.fetch(sha256Of(B)))).to.equal("ok");
  });

  it("follows no link, takes no other ending, and reads nothing above the limit", async () => {
    writeFileSync(join(folder, "secret"), A);
    symlinkSync(join(folder, "secret"), join(folder, "link.onnx"));
    expect(codeOf(await new FolderSource({ folder, maxBytes: 100 }).fetch(sha256Of(A)))).to.equal("MODEL_NOT_FOUND");
    writeFileSync(join(folder, "b.onnx"), B);
    expect(codeOf(await new FolderSource({ folder, maxBytes: 3 }).fetch(sha256Of(B)))).to.equal("MODEL_TOO_LARGE");
  });

  it("calls a folder that can not be read unreachable, never empty", async () => {
    const source = new FolderSource({ folder: join(folder, "gone"), maxBytes: 100 });
    expect(codeOf(await source.fetch(sha256Of(A)))).to.equal("MODEL_UNREACHABLE");
  });

  it("keeps blobs whole, removes a damaged one, and takes it again", async () => {
    const store = new FileBlobStore(folder);
    const hash = await store.put(A);
    expect(hash).to.equal(sha256Of(A));
    expect(await store.get(hash)).to.deep.equal({ ok: true, bytes: A });
    expect(await store.has(hash)).to.equal(true);
    writeFileSync(join(folder, hash.slice(2, 4), hash.slice(2)), "damaged");
    expect(await store.get(hash)).to.deep.equal({ ok: false, code: "BLOB_CORRUPT" });
    expect(await store.get(hash)).to.deep.equal({ ok: false, code: "BLOB_MISSING" });
    await store.put(A);
    await store.delete(hash);
    expect(await store.has(hash)).to.equal(false);
  });

  it("makes no path of what is no hash", async () => {
    const error = await new FileBlobStore(folder).get("../../etc/passwd" as never).catch((caught: unknown) => caught);
    expect(isAssayError(error, "ID_MALFORMED")).to.equal(true);
  });

  it("keeps what another source found, and hands a find on even where it can not be kept", async () => {
    const store = new FileBlobStore(join(folder, "blobs"));
    const failures: unknown[] = [];
    writeFileSync(join(folder, "x.onnx"), A);
    const inner = new FolderSource({ folder, maxBytes: 100 });
    const keeping = new KeepingSource({ inner, store, onKeepFailed: (error) => failures.push(error) });
    expect(codeOf(await new BlobSource(store).fetch(sha256Of(A)))).to.equal("MODEL_NOT_FOUND");
    expect(codeOf(await keeping.fetch(sha256Of(A)))).to.equal("ok");
    expect(codeOf(await new BlobSource(store).fetch(sha256Of(A)))).to.equal("ok");
    expect(keeping.sizeOf(sha256Of(A))).to.equal(A.length);
    writeFileSync(join(folder, "file"), "");
    const broken = new KeepingSource({
      inner,
      store: new FileBlobStore(join(folder, "file", "below")),
      onKeepFailed: (error) => failures.push(error),
    });
    expect(codeOf(await broken.fetch(sha256Of(A)))).to.equal("ok");
    expect(failures.length).to.equal(1);
  });
});

describe("availability: gateways", () => {
  let server: http.Server;
  let base: string;
  let answer: http.RequestListener;
  const asked: string[] = [];
  before(async () => {
    server = http.createServer((request, response) => {
      asked.push(request.url ?? "");
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const fetchOf = (parts: { maxBytes?: number; timeoutMs?: number; signal?: AbortSignal } = {}) =>
    new GatewaySource({ gateway: base, maxBytes: parts.maxBytes ?? 100, timeoutMs: parts.timeoutMs ?? 5_000 }).fetch(
      sha256Of(A),
      parts.signal,
    );

  it("asks by content id at the trustless gateway's path, or where the placeholders stand", async () => {
    answer = (_request, response) => response.end(A);
    expect(codeOf(await fetchOf())).to.equal("ok");
    expect(asked.at(-1)).to.equal(`/ipfs/${cidFromSha256(sha256Of(A))}?format=raw`);
    expect(gatewayUrl("https://m.example/{sha256}.onnx", sha256Of(A)).href).to.equal(
      `https://m.example/${sha256Of(A).slice(2)}.onnx`,
    );
    expect(gatewayUrl("https://m.example/x/{cid}", sha256Of(A)).pathname).to.equal(`/x/${cidFromSha256(sha256Of(A))}`);
  });

  for (const [what, listener, code] of [
    ["other bytes", (r) => r.end(B), "MODEL_HASH_MISMATCH"],
    ["404", (r) => r.writeHead(404).end(), "MODEL_NOT_FOUND"],
    ["500", (r) => r.writeHead(500).end(), "MODEL_UNREACHABLE"],
    [
      "a length above the limit",
      (r) => r.writeHead(200, { "content-length": 1_000 }).flushHeaders(),
      "MODEL_TOO_LARGE",
    ],
    ["more than the limit without a length", (r) => r.end(Buffer.alloc(1_000)), "MODEL_TOO_LARGE"],
    [
      "a redirect to a private address",
      (r) => r.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
      "MODEL_REDIRECT_REFUSED",
    ],
    [
      "a redirect to metadata of a cloud",
      (r) => r.writeHead(302, { location: "http://169.254.169.254/" }).end(),
      "MODEL_REDIRECT_REFUSED",
    ],
    [
      "a redirect to a name of this machine",
      (r) => r.writeHead(302, { location: "http://localhost:1/" }).end(),
      "MODEL_REDIRECT_REFUSED",
    ],
    [
      "a redirect to another scheme",
      (r) => r.writeHead(302, { location: "file:///etc/passwd" }).end(),
      "MODEL_REDIRECT_REFUSED",
    ],
    ["a redirect to nothing", (r) => r.writeHead(302, { location: "http://[" }).end(), "MODEL_REDIRECT_REFUSED"],
    ["redirects without end", (r) => r.writeHead(302, { location: "/again" }).end(), "MODEL_REDIRECT_REFUSED"],
    [
      "an end in the middle",
      (r) => {
        r.writeHead(200, { "content-length": 50 });
        r.write("x");
        setImmediate(() => r.destroy());
      },
      "MODEL_UNREACHABLE",
    ],
  ] as const satisfies readonly (readonly [string, (response: http.ServerResponse) => void, string])[]) {
    it(`answers ${code} to ${what}`, async () => {
      answer = (_request, response) => listener(response);
      expect(codeOf(await fetchOf())).to.equal(code);
    });
  }

  it("follows a redirect within the same origin", async () => {
    answer = (request, response) =>
      request.url === "/there" ? response.end(A) : response.writeHead(302, { location: "/there" }).end();
    expect(codeOf(await fetchOf())).to.equal("ok");
  });

  it("tells a slow gateway from a caller who does not want it any more, and a server that is gone", async () => {
    answer = () => undefined;
    expect(codeOf(await fetchOf({ timeoutMs: 20 }))).to.equal("MODEL_TIMEOUT");
    expect(codeOf(await fetchOf({ signal: AbortSignal.abort() }))).to.equal("MODEL_ABORTED");
    const gone = new GatewaySource({ gateway: "http://127.0.0.1:1", maxBytes: 100, timeoutMs: 5_000 });
    expect(codeOf(await gone.fetch(sha256Of(A)))).to.equal("MODEL_UNREACHABLE");
  });

  it("refuses a gateway that is no address, and names one by its host only", () => {
    expect(() => new GatewaySource({ gateway: "ftp://x", maxBytes: 1, timeoutMs: 1 }))
      .to.throw()
      .with.property("code", "MODEL_GATEWAY_INVALID");
    expect(new GatewaySource({ gateway: "https://h.example/key-123", maxBytes: 1, timeoutMs: 1 }).name).to.equal(
      "gateway h.example",
    );
  });

  it("knows which addresses are public", () => {
    for (const ip of [
      "127.0.0.1",
      "10.1.2.3",
      "169.254.169.254",
      "192.168.0.1",
      "::1",
      "fe80::1",
      "fd00::1",
      "::ffff:127.0.0.1",
      "::ffff:10.0.0.1",
      "0.0.0.0",
      "64:ff9b:1::7f00:1",
      "::127.0.0.1",
      "::ffff:0:127.0.0.1",
      "fec0::1",
      "3fff::1",
      "5f00::1",
      "192.88.99.1",
      "no address",
    ])
      expect(isPublicAddress(ip), ip).to.equal(false);
    for (const ip of ["8.8.8.8", "2606:4700::1111"]) expect(isPublicAddress(ip), ip).to.equal(true);
  });
});
