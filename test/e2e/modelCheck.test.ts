import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { hexlify, randomBytes, toBeHex } from "ethers";
import { FileBlobStore } from "../../executor/availability/fileBlobStore";
import { AssayClient, uint8 } from "../../executor/client/index";
import { requestGas } from "../../executor/client/requestGas";
import type { CaseResult } from "../../executor/conformance/run";
import { packageRoot } from "../../executor/deployment/artifacts";
import { DType } from "../../executor/protocol/tensorType";
import { encodeTerms, standardTerms } from "../../executor/protocol/terms";
import { allCases, CASES_FOLDER } from "../../scripts/conformance/build";
import { filesOf } from "../../scripts/conformance/caseFiles";
import { type CaseSpec, graphModel, node, set, value } from "../../scripts/conformance/caseSpec";
import { plain } from "../../scripts/conformance/cases/samples";
import { attribute } from "../../scripts/models/onnx/writer";
import type { DaemonProcess } from "../../scripts/start/daemon";
import { assay, type Ended } from "../executor/cli/run";
import { committedModel, openWorld, REWARD, type World } from "./support/world";

/** Copies one byte; `expected` is what the case claims of it. */
function copying(name: string, args: { given?: CaseSpec["sets"][number]["inputs"]; expected?: number } = {}): CaseSpec {
  const x = plain(DType.uint8, [1], [7]);
  const right = set({ x }, { y: plain(DType.uint8, [1], [args.expected ?? 7]) });
  return {
    name,
    layout: "compact",
    model: graphModel({
      inputs: [value("x", DType.uint8, ["n"])],
      outputs: [value("y", DType.uint8, ["n"])],
      nodes: [node("Identity", ["x"], ["y"])],
    }),
    sets: [args.given === undefined ? right : { ...right, inputs: args.given }],
  };
}

/** Its output is its input twice. */
function doubling(name: string, length: number): CaseSpec {
  const x = uint8([length], seeded(length));
  return {
    name,
    layout: "compact",
    model: graphModel({
      inputs: [value("x", DType.uint8, ["n"])],
      outputs: [value("y", DType.uint8, ["m"])],
      nodes: [node("Concat", ["x", "x"], ["y"], [attribute.integer("axis", 0)])],
    }),
    sets: [set({ x }, { y: x })],
  };
}

function write(folder: string, spec: CaseSpec): void {
  for (const [path, bytes] of filesOf(spec)) {
    mkdirSync(join(folder, spec.name), { recursive: true });
    writeFileSync(join(folder, spec.name, path), bytes);
  }
}

const resultsOf = ({ stdout }: Ended): CaseResult[] =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as CaseResult);

const seeded = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => 1 + (((i * 2654435761) >>> 24) % 255));

describe("assay model check --through chain", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-cases-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("starts a chain, an executor and an enclave of its own, and says of each case how it came through", async () => {
    const passing = ["inputs_none", "int64_beyond_2_53", "names_of_outputs", "nan_payloads_float", "strings_in_files"];
    for (const name of passing) cpSync(join(CASES_FOLDER, name), join(folder, name), { recursive: true });
    write(folder, copying("x_another_type", { given: [{ name: "x", tensor: plain(DType.int8, [1], [7]) }] }));
    write(folder, copying("x_expects_another_value", { expected: 8 }));
    const large = { name: "x", tensor: uint8([600_000], seeded(600_000)) };
    write(folder, copying("x_too_large", { given: [large] }));
    // Its input fits a transaction, and its answer would fit none: without a refusal it could neither land nor end.
    write(folder, doubling("x_output_too_large", 210_000));
    mkdirSync(join(folder, "y_no_model"));
    writeFileSync(join(folder, "y_no_model", "model.onnx"), "these bytes are no model");

    const ended = await assay(["model", "check", folder, "--through", "chain", "--json"]);
    expect(ended.stderr).to.equal("");
    const results = resultsOf(ended);
    expect(results.slice(0, passing.length)).to.deep.equal(passing.map((name) => ({ case: name, status: "passed" })));
    expect(results.slice(passing.length).map((result) => [result.case, result.status])).to.deep.equal([
      ["x_another_type", "refused"],
      ["x_expects_another_value", "failed"],
      ["x_output_too_large", "refused"],
      ["x_too_large", "refused"],
      ["y_no_model", "refused"],
    ]);
    const reasons = results.map(({ reason }) => reason ?? "");
    expect(reasons[passing.length]).to.equal("set 0: INPUT_MISMATCH");
    expect(reasons[passing.length + 1]).to.equal('set 0: output "y": element 0 is 7, not 8');
    expect(reasons[passing.length + 2]).to.equal("set 0: RUN_LIMIT");
    expect(reasons[passing.length + 3]).to.match(/^set 0: CLIENT_INPUT_TOO_LARGE: an input of 6000\d\d bytes/);
    expect(reasons[passing.length + 4]).to.match(/^ONNX_/);
    expect(ended.code).to.equal(1);
  });

  it("prints a line for each case and a total, and ends well where nothing failed", async () => {
    cpSync(join(CASES_FOLDER, "branches"), folder, { recursive: true });
    const ended = await assay(["model", "check", folder, "--through", "chain"]);
    expect(ended.stderr).to.equal("");
    expect(ended.stdout).to.match(
      /^passed +\S+\n1 passed, 0 failed, 0 refused through a chain of its own, at level [123]\n$/,
    );
    expect(ended.code).to.equal(0);
  });

  describe("on a chain that runs already", () => {
    let world: World;
    let chain: string[];
    let daemon: DaemonProcess;
    before(async () => {
      world = await openWorld("hardhat");
      daemon = await world.start();
      chain = ["--rpc-url", world.chain.url, "--deployment", world.deploymentFile, "--through", "chain"];
      chain.push("--reward-wei", String(REWARD), "--account", "2", "--json");
    });
    after(() => world?.end());

    it("asks the executor that runs there, and says which model it does not have", async () => {
      mkdirSync(join(folder, "digits"));
      copyFileSync(committedModel("digits").file, join(folder, "digits", "model.onnx"));
      copyFileSync(join(packageRoot(), "models", "digits", "io.json"), join(folder, "digits", "io.json"));
      write(folder, copying("not_there"));
      const ended = await assay(["model", "check", folder, ...chain]);
      expect(ended.stderr).to.equal("");
      const [digits, notThere] = resultsOf(ended);
      expect(digits).to.deep.equal({ case: "digits", status: "passed" });
      expect(notThere?.status).to.equal("refused");
      expect(notThere?.reason).to.match(/^set 0: MODEL_UNKNOWN: .*--models-dir/);
      expect(ended.code).to.equal(0);
    });

    it("takes a case that its executor has, in whole numbers that no double holds too", async () => {
      const spec = allCases().find(({ name }) => name === "int64_beyond_2_53");
      if (spec === undefined) throw new Error("the case has another name now");
      const model = await new FileBlobStore(join(world.dataDir, "models")).put(spec.model);
      write(folder, { ...spec, layout: "compact" });
      const checked = await assay(["model", "check", folder, ...chain]);
      expect(resultsOf(checked)).to.deep.equal([{ case: spec.name, status: "passed" }]);
      const paid = chain.filter((word) => word !== "--through" && word !== "chain");
      const asked = await assay(["request", model, join(folder, spec.name, "io.json"), ...paid]);
      expect(asked.stderr).to.equal("");
      const values = JSON.parse(asked.stdout).outputs[0].values;
      expect(values[1]).to.equal("9007199254740993");
    });

    it("says so where the account can not pay", async () => {
      write(folder, copying("unpaid"));
      const tooMuch = chain.map((word) => (word === String(REWARD) ? String(10n ** 27n) : word));
      const [result] = resultsOf(await assay(["model", "check", folder, ...tooMuch]));
      expect(result?.status).to.equal("failed");
      expect(result?.reason).to.match(/^CLI_REQUEST_NOT_SENT: /);
    });

    it("foresees the gas of a request closely enough to refuse only what fits no transaction", async () => {
      const terms = hexlify(encodeTerms(standardTerms({ deadline: (await world.now()) + 3_600 })));
      for (const input of [seeded(200_000), new Uint8Array(400_000), seeded(64)]) {
        const args = [committedModel("digits").hash, hexlify(input), terms, toBeHex(1, 32), { value: REWARD }];
        const real = await world.hub.getFunction("request").estimateGas(...args);
        expect(Number(requestGas(input)) / Number(real), `${input.length} bytes`).to.be.within(1, 1.1);
      }
      const client = await AssayClient.connect({ signer: world.requester, deployment: world.record });
      const before = await world.requester.getNonce();
      const inputs = [{ name: "image", tensor: uint8([500_000], seeded(500_000)) }];
      const asked = client.request({ model: hexlify(randomBytes(32)), inputs, rewardWei: REWARD });
      const code = await asked.then(
        () => "none",
        (error: { code: string }) => error.code,
      );
      expect(code).to.equal("CLIENT_INPUT_TOO_LARGE");
      expect(await world.requester.getNonce()).to.equal(before);
    });

    it("refuses a chain that does not answer, before any case", async () => {
      write(folder, copying("unasked"));
      const gone = chain.map((word) => (word === world.chain.url ? "http://127.0.0.1:1" : word));
      const ended = await assay(["model", "check", folder, ...gone]);
      expect(ended.stderr).to.match(/^RPC_/);
      expect(ended.code).to.equal(3);
    });

    // The last one: nobody is left to answer afterwards.
    it("calls a case failed that nobody answers in time", async () => {
      await daemon.child.stop();
      write(folder, copying("not_answered"));
      const ended = await assay(["model", "check", folder, ...chain, "--timeout-seconds", "1"]);
      const [result] = resultsOf(ended);
      expect(result?.status).to.equal("failed");
      expect(result?.reason).to.match(/^set 0: NO_ANSWER: /);
      expect(ended.code).to.equal(1);
    });
  });
});
