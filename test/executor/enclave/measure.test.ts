import {
  appendFileSync,
  cpSync,
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
import { join, resolve } from "node:path";
import { expect } from "chai";
import { measure } from "../../../executor/enclave/measure/measure";
import { ephemeralPlatform, loadPlatform } from "../../../executor/enclave/platform/platform";
import { readElf } from "../../../executor/enclave/sandbox/elf";
import { bundleDirectory, locateImage } from "../../../executor/enclave/sandbox/image";
import { libraryClosure } from "../../../executor/enclave/sandbox/libraries";
import { bytesToHex } from "../../../executor/protocol/bytes";
import { bundleEnclave } from "../../../scripts/enclave/bundle";

const ROOT = resolve(__dirname, "..", "..", "..");
const hexes = (pcrs: { pcr0: Uint8Array; pcr1: Uint8Array; pcr2: Uint8Array }): string[] =>
  [pcrs.pcr0, pcrs.pcr1, pcrs.pcr2].map(bytesToHex);

describe("measurement", function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-measure-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is the same for the same files in another folder, and changes with each part alone", async () => {
    cpSync(bundleDirectory(), join(folder, "bundles"), { recursive: true });
    const here = await measure(locateImage(), 3);
    const there = await measure(locateImage({ bundles: join(folder, "bundles") }), 3);
    expect(hexes(there.pcrs)).to.deep.equal(hexes(here.pcrs));
    expect(hexes(here.pcrs).map((hex) => hex.length)).to.deep.equal([98, 98, 98]);
    appendFileSync(join(folder, "bundles", "runner.js"), "\n");
    const changed = await measure(locateImage({ bundles: join(folder, "bundles") }), 3);
    expect(hexes(changed.pcrs).map((hex, i) => hex === hexes(here.pcrs)[i])).to.deep.equal([true, true, false]);
    const lower = await measure(locateImage(), 2);
    expect(hexes(lower.pcrs).map((hex, i) => hex === hexes(here.pcrs)[i])).to.deep.equal([true, false, true]);
  });

  it("notices a file that changes between hashing and start", async () => {
    cpSync(bundleDirectory(), join(folder, "bundles"), { recursive: true });
    const measured = await measure(locateImage({ bundles: join(folder, "bundles") }), 3);
    measured.assertUnchanged();
    appendFileSync(join(folder, "bundles", "signer.js"), "\n");
    expect(() => measured.assertUnchanged())
      .to.throw()
      .with.property("code", "ENCLAVE_IMAGE_CHANGED");
  });

  it("has a bundle that does not depend on the folder it is built in", async () => {
    const clone = join(folder, "clone");
    mkdirSync(clone);
    cpSync(join(ROOT, "executor"), join(clone, "executor"), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(clone, "node_modules"));
    const here = await bundleEnclave(ROOT, join(folder, "here"));
    const there = await bundleEnclave(clone, join(folder, "there"));
    expect(there).to.deep.equal(here);
    for (const name of Object.keys(here)) {
      const text = readFileSync(join(folder, "here", name), "utf8");
      expect(
        [ROOT, folder, "node_modules"].filter((path) => text.includes(path)),
        name,
      ).to.deep.equal([]);
    }
    // The bundle that is used is the one that these sources give.
    for (const name of Object.keys(here))
      expect(
        readFileSync(join(bundleDirectory(), name)).equals(readFileSync(join(folder, "here", name))),
        `${name} is stale: build it`,
      ).to.equal(true);
  });

  it("keeps native code out of the signer", () => {
    const signer = readFileSync(join(bundleDirectory(), "signer.js"), "utf8");
    expect(/process\.dlopen|require\("koffi|require\("onnxruntime/.test(signer)).to.equal(false);
  });
});

describe("the libraries of a program", () => {
  it("are found as the loader finds them, with nothing missing", () => {
    const { libraries, interpreter } = libraryClosure([process.execPath]);
    expect([...libraries.keys()]).to.include("libc.so.6");
    for (const file of [...libraries.values(), interpreter.file]) expect(statSync(file).isFile()).to.equal(true);
    for (const file of libraries.values()) {
      const needed = readElf(file)?.needed ?? [];
      const missing = needed.filter((soname) => !libraries.has(soname) && !interpreter.path.endsWith(`/${soname}`));
      expect(missing, file).to.deep.equal([]);
    }
  });

  it("do not exist for what is no x86_64 program", () => {
    expect(readElf(__filename)).to.equal(undefined);
    expect(() => libraryClosure([__filename]))
      .to.throw()
      .with.property("code", "ENCLAVE_PLATFORM_UNSUPPORTED");
  });
});

describe("the development root", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-root-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is made once, readable by its owner only, and found again", () => {
    const path = join(folder, "root.pem");
    const first = loadPlatform(path);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(loadPlatform(path).rootId).to.equal(first.rootId);
    expect(readdirSync(folder)).to.deep.equal(["root.pem"]);
    expect(ephemeralPlatform().rootId).to.not.equal(first.rootId);
  });

  it("is refused when others can read it, or when it is no key", () => {
    const open = join(folder, "open.pem");
    writeFileSync(open, "x", { mode: 0o644 });
    expect(() => loadPlatform(open))
      .to.throw()
      .with.property("code", "ENCLAVE_ROOT_UNUSABLE");
    const broken = join(folder, "broken.pem");
    writeFileSync(broken, "x", { mode: 0o600 });
    expect(() => loadPlatform(broken))
      .to.throw()
      .with.property("code", "ENCLAVE_ROOT_UNUSABLE");
    expect(() => loadPlatform(join(folder, "no", "such", "folder")))
      .to.throw()
      .with.property("code", "ENCLAVE_ROOT_UNUSABLE");
  });
});
