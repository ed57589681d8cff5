import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { expect } from "chai";
import { loadModule, ROOT, temporaryFolder, write } from "./support";

interface Step {
  readonly name: string;
  readonly stamp: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly alreadyDone?: (root: string) => boolean;
  readonly run: (root: string) => Promise<void>;
}
interface SetupModule {
  prepare(options: { root: string; steps: readonly Step[] }): Promise<string[]>;
}

describe("house/set-up", () => {
  let folder: string;
  let remove: () => void;
  let runs: number;
  let prepare: SetupModule["prepare"];
  let step: Step;

  before(async () => {
    ({ prepare } = await loadModule<SetupModule>("scripts/start/setup.mjs"));
  });
  beforeEach(() => {
    ({ folder, remove } = temporaryFolder());
    write(folder, "source/a.txt", "a");
    runs = 0;
    step = {
      name: "copy",
      stamp: ".assay/setup/copy",
      inputs: ["source"],
      outputs: ["made.txt"],
      run: async (root) => {
        runs += 1;
        write(root, "made.txt", "made");
      },
    };
  });
  afterEach(() => remove());

  const again = (steps: readonly Step[] = [step]) => prepare({ root: folder, steps });

  it("runs a step once, and not again while its inputs are the same", async () => {
    expect(await again()).to.deep.equal(["copy"]);
    expect(await again()).to.deep.equal([]);
    expect(runs).to.equal(1);
  });

  it("runs a step again when an input changes, appears, is renamed or goes", async () => {
    await again();
    write(folder, "source/a.txt", "b");
    await again();
    write(folder, "source/b.txt", "");
    await again();
    fs.renameSync(path.join(folder, "source/b.txt"), path.join(folder, "source/c.txt"));
    await again();
    fs.rmSync(path.join(folder, "source/c.txt"));
    await again();
    expect(runs).to.equal(5);
  });

  it("does not care when a file was written, only what is in it", async () => {
    await again();
    fs.utimesSync(path.join(folder, "source/a.txt"), 1, 1);
    expect(await again()).to.deep.equal([]);
  });

  it("runs a step again when its output is gone", async () => {
    await again();
    fs.rmSync(path.join(folder, "made.txt"));
    expect(await again()).to.deep.equal(["copy"]);
  });

  it("leaves no stamp for a step that failed, and does not go on after it", async () => {
    let later = 0;
    const countLater = (): void => {
      later += 1;
    };
    const failing: Step = { ...step, run: () => Promise.reject(new Error("broken")) };
    const after: Step = { ...step, stamp: ".assay/setup/after", run: async () => countLater() };
    const error = await again([failing, after]).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(Error);
    expect(later).to.equal(0);
    expect(fs.existsSync(path.join(folder, ".assay/setup/copy"))).to.equal(false);
    expect(fs.existsSync(path.join(folder, ".assay/setup.lock"))).to.equal(false);
  });

  it("takes the word of alreadyDone only where there is no stamp", async () => {
    write(folder, "made.txt", "by hand");
    const known: Step = { ...step, alreadyDone: () => true };
    expect(await again([known])).to.deep.equal([]);
    fs.rmSync(path.join(folder, "made.txt"));
    expect(await again([known])).to.deep.equal(["copy"]);
    write(folder, "source/a.txt", "changed");
    expect(await again([known])).to.deep.equal(["copy"]);
  });

  it("does the work once when two set-ups start together", async () => {
    // Two loads of one file are one module and one process; the lock must hold between processes.
    const script = `
      import fs from "node:fs";
      import { prepare } from ${JSON.stringify(path.join(ROOT, "scripts/start/setup.mjs"))};
      const run = async (root) => {
        fs.appendFileSync(root + "/log", "begin\\n");
        await new Promise((resolve) => setTimeout(resolve, 100));
        fs.appendFileSync(root + "/log", "end\\n");
        fs.writeFileSync(root + "/made.txt", "");
      };
      await prepare({ root: process.argv[2], steps: [{ name: "slow", stamp: ".assay/s", inputs: ["source"], outputs: ["made.txt"], run }] });`;
    write(folder, "run.mjs", script);
    const children = [1, 2, 3].map(() =>
      spawn(process.execPath, [path.join(folder, "run.mjs"), folder], { stdio: "inherit" }),
    );
    const codes = await Promise.all(children.map(async (child) => (await once(child, "close"))[0] as number));
    expect(codes).to.deep.equal([0, 0, 0]);
    expect(fs.readFileSync(path.join(folder, "log"), "utf8")).to.equal("begin\nend\n");
  });

  it("takes over the lock of a process that has died", async () => {
    const dead = spawn(process.execPath, ["-e", ""]);
    await once(dead, "close");
    write(folder, ".assay/setup.lock", `${dead.pid} 1`);
    expect(await again()).to.deep.equal(["copy"]);
  });

  it("takes over the lock of a pid that belongs to somebody else by now", async () => {
    write(folder, ".assay/setup.lock", `${process.pid} 1`);
    expect(await again()).to.deep.equal(["copy"]);
  });
});

describe("house/set-up, Node", () => {
  it("takes Node 20.20, 22 and 24 and refuses what is older", async () => {
    const { isNodeSupported } = await loadModule<{ isNodeSupported(version: string): boolean }>(
      "scripts/start/nodeVersion.mjs",
    );
    const supported = (version: string) => isNodeSupported(version);
    expect(["v20.20.0", "20.20.2", "v22.1.0", "v24.21.0"].every(supported)).to.equal(true);
    expect(["v18.20.8", "v20.19.9", "20.2.0", "nonsense"].some(supported)).to.equal(false);
  });

  it("says the same as `engines` of package.json", async () => {
    const { OLDEST_NODE } = await loadModule<{ OLDEST_NODE: number[] }>("scripts/start/nodeVersion.mjs");
    const { engines } = JSON.parse(fs.readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
      engines: { node: string };
    };
    expect(engines.node).to.equal(`>=${OLDEST_NODE.join(".")}`);
  });
});

describe("house/set-up, installed packages", () => {
  let folder: string;
  let remove: () => void;
  let isInstalledAsLocked: (root: string) => boolean;

  before(async () => {
    ({ isInstalledAsLocked } = await loadModule<{ isInstalledAsLocked(root: string): boolean }>(
      "scripts/start/installed.mjs",
    ));
  });
  beforeEach(() => {
    ({ folder, remove } = temporaryFolder());
    const packages = {
      "": { name: "x" },
      "node_modules/a": { version: "1.0.0" },
      "node_modules/other-platform": { version: "2.0.0", optional: true },
    };
    write(folder, "package-lock.json", JSON.stringify({ packages }));
    write(folder, "node_modules/a/package.json", "{}");
  });
  afterEach(() => remove());

  const installed = (version: string) =>
    write(folder, "node_modules/.package-lock.json", JSON.stringify({ packages: { "node_modules/a": { version } } }));

  it("takes an npm ci that somebody ran by hand for done", () => {
    installed("1.0.0");
    expect(isInstalledAsLocked(folder)).to.equal(true);
  });

  it("sees another version, a package that is gone, and a folder npm did not finish", () => {
    installed("1.0.1");
    expect(isInstalledAsLocked(folder)).to.equal(false);
    installed("1.0.0");
    fs.rmSync(path.join(folder, "node_modules/a/package.json"));
    expect(isInstalledAsLocked(folder)).to.equal(false);
    fs.rmSync(path.join(folder, "node_modules/.package-lock.json"));
    expect(isInstalledAsLocked(folder)).to.equal(false);
  });
});
