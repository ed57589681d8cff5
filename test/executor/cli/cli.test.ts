import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { sqliteJobStore } from "../../../executor/jobs/sqliteStore";
import { block, request } from "../jobs/fixtures";
import { assay } from "./run";

const MODELS = join(__dirname, "..", "..", "..", "models");

describe("command line", function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-cli-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("lists its commands, and says which word is none", async () => {
    const help = await assay(["--help"]);
    expect(help.code).to.equal(0);
    for (const name of [
      "executor",
      "status",
      "quote",
      "request",
      "verify",
      "doctor",
      "enclave",
      "model",
      "attestation",
      "config",
      "store",
      "key",
    ])
      expect(help.stdout).to.match(new RegExp(`^  ${name}\\b`, "m"));
    expect((await assay(["bogus"])).code).to.equal(2);
    expect((await assay([])).code).to.equal(2);
    expect((await assay(["verify", "--bogus"])).code).to.equal(2);
  });

  for (const [what, args, code, says] of [
    ["a flag of the executor that is none", ["executor", "--enclave", "1"], 2, "CONFIG_UNKNOWN_FLAG"],
    ["a configuration with a wrong value", ["config", "--enclaves", "0"], 2, "CONFIG_INVALID_VALUE"],
    ["a request id that is too short", ["verify", "0x12"], 2, "ID_MALFORMED"],
    ["an address that is none", ["enclave", "show", "0x12"], 2, "ID_MALFORMED"],
    ["a deployment that is not there", ["quote", "--network", "nowhere"], 3, "DEPLOYMENT_MISSING"],
    ["an RPC address that is none", ["quote", "--rpc-url", "nonsense"], 2, "CLI_RPC_URL_INVALID"],
    ["an executor that does not answer", ["status", "--url", "http://127.0.0.1:1"], 3, "STATUS_UNREACHABLE"],
    ["a model file that is not there", ["model", "inspect", "nowhere.onnx"], 2, "CLI_FILE_UNREADABLE"],
    ["a folder of cases that is not there", ["model", "check", "nowhere"], 3, "CASE_NOT_FOUND"],
    ["a path that is none", ["model", "check", ".", "--through", "air"], 2, "CLI_PATH_UNKNOWN"],
    ["a sandbox level that is none", ["model", "check", ".", "--minimum-level", "4"], 2, "CLI_LEVEL_INVALID"],
    ["a time that is no number", ["model", "check", ".", "--timeout-seconds", "soon"], 2, "CLI_NUMBER_INVALID"],
    [
      "a chain's address for the enclave alone",
      ["model", "check", ".", "--rpc-url", "http://127.0.0.1:1"],
      2,
      "CLI_OPTION_UNUSED",
    ],
    [
      "money where nothing is paid",
      ["model", "check", ".", "--through", "chain", "--reward-wei", "1"],
      2,
      "CLI_OPTION_UNUSED",
    ],
    [
      "a running chain without a reward",
      ["model", "check", ".", "--through", "chain", "--rpc-url", "http://127.0.0.1:1"],
      2,
      "CLI_REWARD_MISSING",
    ],
    ["a store that is not there", ["store", "backup", "copy", "--store", "nowhere.sqlite"], 3, "STORE_MISSING"],
    [
      "a password file that is not there",
      ["key", "new", "key.json", "--password-file", "nowhere"],
      3,
      "KEYSTORE_PASSWORD_MISSING",
    ],
  ] as const) {
    it(`refuses ${what} with its code`, async () => {
      const ended = await assay(args, folder);
      expect(ended.stderr).to.match(new RegExp(`^${says}: `));
      expect(ended.code).to.equal(code);
    });
  }

  it("says what a model file is, and refuses bytes that are none with the reason", async () => {
    const good = await assay(["model", "inspect", join(MODELS, "digits", "digits.onnx"), "--json"]);
    expect(good.code).to.equal(0);
    expect(JSON.parse(good.stdout).verdict.signature.inputs[0]).to.deep.equal({
      name: "image",
      dtype: 2,
      dims: [null, 8, 8],
    });
    writeFileSync(join(folder, "bad.onnx"), "not a model");
    const bad = await assay(["model", "inspect", join(folder, "bad.onnx"), "--json"]);
    expect(bad.code).to.equal(1);
    expect(JSON.parse(bad.stdout).verdict.admitted).to.equal(false);
  });

  it("runs the golden sets of every committed model through the enclave, and tells a wrong expectation from a right one", async () => {
    for (const name of ["digits", "eth_volatility", "liquidation_risk"]) {
      mkdirSync(join(folder, name));
      copyFileSync(join(MODELS, name, `${name}.onnx`), join(folder, name, "model.onnx"));
      copyFileSync(join(MODELS, name, "io.json"), join(folder, name, "io.json"));
    }
    const right = await assay(["model", "check", folder, "--json"]);
    const results = right.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(results).to.deep.equal(
      ["digits", "eth_volatility", "liquidation_risk"].map((name) => ({ case: name, status: "passed" })),
    );
    expect(right.code).to.equal(0);
    copyFileSync(join(MODELS, "digits", "digits.onnx"), join(folder, "eth_volatility", "model.onnx"));
    expect((await assay(["model", "check", join(folder, "eth_volatility")])).stdout).to.match(
      /^refused +eth_volatility/,
    );
  });

  it("backs a store up, restores it where none is, and never over one", async () => {
    const path = join(folder, "store.sqlite");
    const store = sqliteJobStore(path);
    await store.applyBlocks({ blocks: [block(1)], requests: [request("1", block(1))], endings: [], nowMs: 0 });
    const locked = await assay(["store", "backup", "copy", "--store", path], folder);
    expect(locked.stderr).to.match(/^STORE_LOCKED: /);
    await store.close();
    expect((await assay(["store", "backup", "copy", "--store", path], folder)).code).to.equal(0);
    expect((await assay(["store", "backup", "copy", "--store", path], folder)).stderr).to.match(
      /^STORE_BACKUP_EXISTS: /,
    );
    expect((await assay(["store", "restore", "copy", "--store", path], folder)).stderr).to.match(
      /^STORE_FILE_EXISTS: /,
    );
    const restored = join(folder, "restored.sqlite");
    expect((await assay(["store", "restore", "copy", "--store", restored], folder)).code).to.equal(0);
    const again = sqliteJobStore(restored);
    expect((await again.counts()).seen).to.equal(1);
    await again.close();
    writeFileSync(join(folder, "damaged"), "SQLite it is not, whatever its name says");
    expect((await assay(["store", "restore", "damaged", "--store", join(folder, "x.sqlite")], folder)).stderr).to.match(
      /^STORE_/,
    );
    expect((await assay(["store", "prune", "--older-than-days", "0", "--store", restored], folder)).stdout).to.equal(
      "0 jobs deleted\n",
    );
  });

  it("makes an encrypted key and never writes over one", async () => {
    writeFileSync(join(folder, "password"), "secret\n");
    const made = await assay(["key", "new", "key.json", "--password-file", "password"], folder);
    expect(made.stdout).to.match(/^0x[0-9a-f]{40}\n$/);
    expect((await assay(["key", "new", "key.json", "--password-file", "password"], folder)).stderr).to.match(
      /^KEYSTORE_EXISTS: /,
    );
  });

  it("says which sandbox level the machine reaches, and measures the same image every time", async () => {
    const doctor = JSON.parse((await assay(["doctor", "--json"])).stdout);
    const reached = doctor.reports
      .filter((r: { reached: boolean }) => r.reached)
      .map((r: { level: number }) => r.level);
    expect(doctor.level).to.equal(Math.max(0, ...reached));
    const measure = async () => (await assay(["enclave", "measure", "--json", "--data-dir", folder])).stdout;
    const first = await measure();
    expect(JSON.parse(first)[0].pcr0).to.match(/^0x[0-9a-f]{96}$/);
    expect(await measure()).to.equal(first);
  });
});
