import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { FileBlobStore } from "../../../executor/availability/fileBlobStore";
import { sha256Of } from "../../../executor/availability/hash";
import type { Hex32 } from "../../../executor/domain/ids";

const A = Buffer.from("model a");
const EMPTY = new Uint8Array(0);

describe("availability: the store of blobs", () => {
  let folder: string;
  let store: FileBlobStore;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-blobs-"));
    store = new FileBlobStore(join(folder, "not", "there", "yet"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const pathOf = (hash: Hex32) => join(folder, "not", "there", "yet", hash.slice(2, 4), hash.slice(2));

  it("makes its folders, and leaves the file under its hash and nothing beside it", async () => {
    const hash = await store.put(A);
    expect(readFileSync(pathOf(hash))).to.deep.equal(A);
    expect(readdirSync(dirname(pathOf(hash)))).to.deep.equal([hash.slice(2)]);
    expect(statSync(pathOf(hash)).mode & 0o022).to.equal(0);
  });

  it("says of a folder that is not there that the file is missing", async () => {
    expect(await store.get(sha256Of(A))).to.deep.equal({ ok: false, code: "BLOB_MISSING" });
    expect(await store.has(sha256Of(A))).to.equal(false);
    await store.delete(sha256Of(A));
  });

  it("keeps a file of no bytes", async () => {
    const hash = await store.put(EMPTY);
    expect(await store.get(hash)).to.deep.equal({ ok: true, bytes: Buffer.from(EMPTY) });
  });

  it("lets several writers put the same file at the same time, also through another store", async () => {
    const other = new FileBlobStore(join(folder, "not", "there", "yet"));
    const hashes = await Promise.all([store.put(A), other.put(A), store.put(A), other.put(A)]);
    expect(new Set(hashes).size).to.equal(1);
    expect(await other.get(sha256Of(A))).to.deep.equal({ ok: true, bytes: A });
    expect(readdirSync(dirname(pathOf(sha256Of(A)))).length).to.equal(1);
  });

  it("calls a file that was cut short corrupt, and repairs it by putting it again", async () => {
    const hash = await store.put(A);
    writeFileSync(pathOf(hash), A.subarray(0, 3));
    expect(await store.get(hash)).to.deep.equal({ ok: false, code: "BLOB_CORRUPT" });
    expect(await store.has(hash)).to.equal(false);
    await store.put(A);
    expect(await store.get(hash)).to.deep.equal({ ok: true, bytes: A });
  });

  it("puts a whole file in the place of a damaged one without reading it first", async () => {
    const hash = await store.put(A);
    writeFileSync(pathOf(hash), "damaged");
    await store.put(A);
    expect(await store.get(hash)).to.deep.equal({ ok: true, bytes: A });
  });

  it("replaces a link that stands in the file's place, and writes nothing through it", async () => {
    const victim = join(folder, "victim");
    writeFileSync(victim, "untouched");
    mkdirSync(dirname(pathOf(sha256Of(A))), { recursive: true });
    symlinkSync(victim, pathOf(sha256Of(A)));
    await store.put(A);
    expect(readFileSync(victim, "utf8")).to.equal("untouched");
    expect(await store.get(sha256Of(A))).to.deep.equal({ ok: true, bytes: A });
  });

  it("leaves no half of a file behind when the name can not be taken, and says why", async () => {
    // A folder with something in it can not be replaced by a file.
    mkdirSync(join(pathOf(sha256Of(A)), "x"), { recursive: true });
    const error = await store.put(A).catch((caught: unknown) => caught);
    expect(error).to.have.property("code").that.is.oneOf(["EISDIR", "ENOTEMPTY", "EEXIST"]);
    expect(readdirSync(dirname(pathOf(sha256Of(A))))).to.deep.equal([sha256Of(A).slice(2)]);
  });

  it("throws where it can not look, because a failed look is no absence", async () => {
    writeFileSync(join(folder, "file"), "");
    const broken = new FileBlobStore(join(folder, "file"));
    for (const look of [broken.get(sha256Of(A)), broken.has(sha256Of(A)), broken.put(A)])
      expect(await look.catch((caught: unknown) => caught)).to.have.property("code", "ENOTDIR");
  });

  it("deletes one file and no other", async () => {
    const [first, second] = [await store.put(A), await store.put(EMPTY)];
    await store.delete(first);
    expect([await store.has(first), await store.has(second)]).to.deep.equal([false, true]);
  });
});
