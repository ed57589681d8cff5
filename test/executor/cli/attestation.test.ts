import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { nodeProgram } from "../../../executor/deployment/localNode";
import { skipTest } from "../../../scripts/test/skip";
import { CHAIN, documentOf, keyOf, NOW, payloadOf } from "../../fixtures/attestation/chain";
import { sharedFiles } from "../../fixtures/attestation/sharedData";
import { assay } from "./run";

describe("command line: assay attestation", function () {
  this.timeout(60_000);
  let folder: string;
  const file = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  let good: string;
  let root: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-attestation-"));
    good = file("good.cose", documentOf(payloadOf(CHAIN)));
    root = file("root.der", CHAIN[0] as Uint8Array);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const check = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await assay(["attestation", "check", ...args, "--json"]);
    const lines = stdout.split("\n").filter((line) => line !== "");
    return { code, stderr, lines: lines.map((line) => JSON.parse(line)) };
  };

  function needAnvil(context: Mocha.Context): void {
    if (nodeProgram("anvil", 0) === undefined) skipTest(context, "part", "npm has no anvil for this platform");
  }

  it("accepts the twelve real documents on both sides", async function () {
    needAnvil(this);
    sharedFiles(this, "nitro", ".cose");
    const files = sharedFiles(this, "nitro", ".cose").map(({ name, bytes }) => file(name, bytes));
    const { code, lines, stderr } = await check(files);
    expect(stderr).to.equal("");
    expect(code).to.equal(0);
    expect(lines.length).to.equal(12);
    for (const [i, line] of lines.entries()) {
      expect(line).to.include({ file: files[i], typescript: "accepted", solidity: "accepted", rule: null });
      expect(line.gasCold).to.be.within(6_000_000, 12_500_000);
      expect(line.gasWarm).to.be.within(4_000_000, line.gasCold - 1_000_000);
    }
  });

  it("refuses on both sides with one rule, goes on with the next file, and ends with 1", async function () {
    needAnvil(this);
    const foreign = file("foreign.cose", documentOf(payloadOf(CHAIN), keyOf("stranger")));
    const noise = file("noise.cose", new Uint8Array(65_536).fill(0x84));
    const { code, lines } = await check([foreign, noise, good, "--root", root]);
    expect(code).to.equal(1);
    const refused = { typescript: "refused", solidity: "refused", gasCold: null, gasWarm: null };
    expect(lines.slice(0, 2)).to.deep.equal([
      { file: foreign, ...refused, rule: "P384HintInvalid" },
      { file: noise, ...refused, rule: "CoseProtectedHeader" },
    ]);
    expect(lines[2]).to.include({ file: good, typescript: "accepted", solidity: "accepted", rule: null });
  });

  it("verifies at the time it is told, and under AWS's root if none is named", async function () {
    needAnvil(this);
    const late = await check([good, "--root", root, "--at", String(NOW + 7_201)]);
    expect([late.code, late.lines[0].rule]).to.deep.equal([1, "NitroExpired"]);
    const end = await check([good, "--root", root, "--at", String(NOW + 7_200)]);
    expect([end.code, end.lines[0].rule]).to.deep.equal([0, null]);
    const aws = await check([good]);
    expect([aws.code, aws.lines[0].rule]).to.deep.equal([1, "NitroRootUnknown"]);
  });

  it("says what to do where there is no anvil, and prints no verdict of one side alone", async () => {
    // As on a platform that npm has no such package for: it can not be found.
    const preload = file(
      "noAnvil.cjs",
      Buffer.from(`const Module = require("node:module");
const resolve = Module._resolveFilename;
Module._resolveFilename = (name, ...rest) => {
  if (name.startsWith("@foundry-rs/")) throw Object.assign(new Error("not found"), { code: "MODULE_NOT_FOUND" });
  return resolve(name, ...rest);
};
`),
    );
    const ended = await assay(["attestation", "check", good, "--root", root], undefined, {
      NODE_OPTIONS: `--require ${preload}`,
    });
    expect(ended.stderr).to.match(/^LOCAL_NODE_MISSING: there is no anvil here .*npm install without --omit=optional/);
    expect(ended.stdout).to.equal("");
    expect(ended.code).to.equal(3);
  });

  it("prints for people what a document says", async () => {
    const { code, stdout } = await assay(["attestation", "show", good]);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^module id +"/);
    expect(stdout).to.match(/\nPCR0 +0x[0-9a-f]{96}\n/);
    for (const label of ["public key", "user data", "nonce", "root", "CA 3", "enclave"])
      expect(stdout).to.match(new RegExp(`\n${label} `));
    expect(stdout.match(/\n {2}serial +0x/g)?.length).to.equal(5);
    expect(stdout).to.match(/\n {2}valid +2027-01-15T07:00:00.000Z to 2027-01-15T10:00:00.000Z\n/);
  });

  for (const [what, args, code, says] of [
    ["a file that is not there", ["check", "nowhere.cose"], 2, "CLI_FILE_UNREADABLE"],
    ["a file that is not there, to show", ["show", "nowhere.cose"], 2, "CLI_FILE_UNREADABLE"],
    ["an empty file", ["check", "empty"], 2, "CLI_FILE_EMPTY"],
    ["a file that is too large", ["check", "large"], 2, "CLI_FILE_TOO_LARGE"],
    ["a root that is not there", ["check", "good.cose", "--root", "nowhere.der"], 2, "CLI_FILE_UNREADABLE"],
    ["a time that is none", ["check", "good.cose", "--at", "yesterday"], 2, "CLI_TIME_INVALID"],
    ["a time with fractions", ["check", "good.cose", "--at", "1.5"], 2, "CLI_TIME_INVALID"],
    ["a time after the year 9999", ["check", "good.cose", "--at", "253402300800"], 2, "CLI_TIME_INVALID"],
    ["no document at all, to show", ["show", "root.der"], 3, "COSE_NOT_SIGN1"],
    ["no file", ["check"], 2, "missing required argument"],
  ] as [string, string[], number, string][]) {
    it(`says what is wrong with ${what}`, async () => {
      file("empty", new Uint8Array());
      file("large", new Uint8Array(65_537));
      const named = args.map((each) => (/^(empty|large|.*\.(cose|der))$/.test(each) ? join(folder, each) : each));
      const ended = await assay(["attestation", ...named]);
      expect(ended.stderr).to.contain(says);
      expect(ended.code).to.equal(code);
      expect(ended.stdout).to.equal("");
    });
  }
});
