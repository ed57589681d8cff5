import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { FolderSource } from "../../../executor/availability/folderSource";
import { sha256Of } from "../../../executor/availability/hash";
import type { FetchOutcome } from "../../../executor/availability/ports";

const A = Buffer.from("model a");
const B = Buffer.from("model b, longer");
const codeOf = (outcome: FetchOutcome): string => (outcome.ok ? "ok" : outcome.failure.code);

describe("availability: a folder as a source", () => {
  let folder: string;
  let source: FolderSource;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-folder-"));
    source = new FolderSource({ folder, maxBytes: 100, name: "models" });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const write = (bytes: Uint8Array, ...path: string[]) => {
    mkdirSync(join(folder, ...path.slice(0, -1)), { recursive: true });
    writeFileSync(join(folder, ...path), bytes);
  };

  it("gives the bytes under its name, and fails under it", async () => {
    write(A, "x.onnx");
    expect(await source.fetch(sha256Of(A))).to.deep.equal({ ok: true, bytes: A, source: "models" });
    const missing = await source.fetch(sha256Of(B));
    expect(missing.ok ? undefined : missing.failure).to.include({ code: "MODEL_NOT_FOUND", source: "models" });
  });

  it("knows no size before it has looked, and none of a file that is gone", async () => {
    write(A, "x.onnx");
    expect(source.sizeOf(sha256Of(A))).to.equal(undefined);
    await source.scan();
    expect(source.sizeOf(sha256Of(A))).to.equal(A.length);
    unlinkSync(join(folder, "x.onnx"));
    await source.scan();
    expect(source.sizeOf(sha256Of(A))).to.equal(undefined);
  });

  it("finds a model of which one copy is gone under its other name", async () => {
    write(A, "1.onnx");
    write(A, "deep", "2.onnx");
    expect(codeOf(await source.fetch(sha256Of(A)))).to.equal("ok");
    unlinkSync(join(folder, "1.onnx"));
    expect(codeOf(await source.fetch(sha256Of(A)))).to.equal("ok");
    unlinkSync(join(folder, "deep", "2.onnx"));
    expect(codeOf(await source.fetch(sha256Of(A)))).to.equal("MODEL_NOT_FOUND");
  });

  it("finds a file that moved since it was indexed", async () => {
    write(A, "x.onnx");
    await source.scan();
    renameSync(join(folder, "x.onnx"), join(folder, "y.onnx"));
    expect(codeOf(await source.fetch(sha256Of(A)))).to.equal("ok");
  });

  it("knows both models after two files changed places, although name and size stayed", async () => {
    const C = Buffer.from("model c");
    write(A, "x.onnx");
    write(C, "y.onnx");
    await source.scan();
    write(C, "x.onnx");
    write(A, "y.onnx");
    // The clock of a file system may stand still for milliseconds; here it must not.
    for (const name of ["x.onnx", "y.onnx"]) utimesSync(join(folder, name), 1, 1);
    for (const bytes of [A, C])
      expect(await source.fetch(sha256Of(bytes))).to.deep.equal({ ok: true, bytes, source: "models" });
  });

  it("shares one reading of the folder between callers at the same time, and reads anew after it", async () => {
    write(A, "x.onnx");
    const first = source.scan();
    expect(source.scan()).to.equal(first);
    const outcomes = await Promise.all([A, B, A].map((bytes) => source.fetch(sha256Of(bytes))));
    expect(outcomes.map(codeOf)).to.deep.equal(["ok", "MODEL_NOT_FOUND", "ok"]);
    write(B, "y.onnx");
    expect(codeOf(await source.fetch(sha256Of(B)))).to.equal("ok");
  });

  it("reads again after a reading that failed", async () => {
    const late = new FolderSource({ folder: join(folder, "late"), maxBytes: 100 });
    expect(codeOf(await late.fetch(sha256Of(A)))).to.equal("MODEL_UNREACHABLE");
    write(A, "late", "x.onnx");
    expect(codeOf(await late.fetch(sha256Of(A)))).to.equal("ok");
  });

  it("takes only files that end in .onnx, at most eight folders deep, and none that npm brought", async () => {
    write(A, "x.ONNX");
    write(A, "x.onnx.part");
    write(A, "node_modules", "x.onnx");
    write(A, ..."123456789".split(""), "x.onnx");
    mkdirSync(join(folder, "folder.onnx"));
    expect(codeOf(await source.fetch(sha256Of(A)))).to.equal("MODEL_NOT_FOUND");
    write(A, ..."12345678".split(""), "x.onnx");
    expect(codeOf(await source.fetch(sha256Of(A)))).to.equal("ok");
  });

  it("follows no link to a folder, and ends in one that leads back to itself", async () => {
    const outside = mkdtempSync(join(tmpdir(), "assay-outside-"));
    try {
      writeFileSync(join(outside, "x.onnx"), A);
      symlinkSync(outside, join(folder, "link"));
      symlinkSync(folder, join(folder, "loop"));
      expect(codeOf(await source.fetch(sha256Of(A)))).to.equal("MODEL_NOT_FOUND");
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  it("takes a file of exactly the limit, and says of a larger one that it is too large, not that it is missing", async () => {
    write(B, "b.onnx");
    const exact = new FolderSource({ folder, maxBytes: B.length });
    expect(codeOf(await exact.fetch(sha256Of(B)))).to.equal("ok");
    const small = await new FolderSource({ folder, maxBytes: B.length - 1 }).fetch(sha256Of(B));
    expect(small.ok ? undefined : small.failure).to.include({ code: "MODEL_TOO_LARGE", retryable: false });
  });

  it("calls it aborted when the caller does not want it any more", async () => {
    write(A, "x.onnx");
    expect(codeOf(await source.fetch(sha256Of(A), AbortSignal.abort()))).to.equal("MODEL_ABORTED");
    expect(codeOf(await source.fetch(sha256Of(A), new AbortController().signal))).to.equal("ok");
  });
});
