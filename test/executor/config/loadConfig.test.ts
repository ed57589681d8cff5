import { expect } from "chai";
import { ConfigError, type ConfigProblem } from "../../../executor/config/errors";
import { type ConfigInput, loadConfig } from "../../../executor/config/loadConfig";
import { assertRawKeysAllowed } from "../../../executor/config/rawKey";
import { printConfig, redactUrl } from "../../../executor/config/redact";

const KEY = `0x${"a7".repeat(32)}`;

function load(input: Partial<Omit<ConfigInput, "readFile">> & { files?: Record<string, string> }) {
  return loadConfig({ argv: input.argv ?? [], env: input.env ?? {}, readFile: (path) => input.files?.[path] });
}

function problems(input: Parameters<typeof load>[0]): readonly ConfigProblem[] {
  try {
    load(input);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error("the configuration was accepted");
}

function only(input: Parameters<typeof load>[0]): Pick<ConfigProblem, "code" | "name" | "nearest"> {
  const all = problems(input);
  expect(all.length).to.equal(1);
  const { code, name, nearest } = all[0] as ConfigProblem;
  return nearest === undefined ? { code, name } : { code, name, nearest };
}

describe("configuration: where values come from", () => {
  const files = { "assay.config.json": JSON.stringify({ enclaves: 3, httpPort: 1111, network: "fromfile" }) };

  it("takes a flag before a variable, a variable before the file, the file before the default", () => {
    const loaded = load({ argv: ["--enclaves", "5"], env: { ASSAY_ENCLAVES: "4", ASSAY_HTTP_PORT: "2222" }, files });
    expect(loaded.config.enclaves).to.equal(5);
    expect(loaded.config.httpPort).to.equal(2222);
    expect(loaded.config.network).to.equal("fromfile");
    expect(loaded.config.runTimeoutSeconds).to.equal(30);
    const { enclaves, httpPort, network, runTimeoutSeconds } = loaded.sources;
    expect([enclaves, httpPort, network, runTimeoutSeconds]).to.deep.equal(["flag", "environment", "file", "default"]);
  });

  it("reads the file that a flag names rather than the one a variable names, and no other", () => {
    const more = { ...files, a: '{"enclaves": 7}', b: '{"enclaves": 8}' };
    expect(load({ argv: ["--config", "a"], env: { ASSAY_CONFIG: "b" }, files: more })).to.deep.include({ file: "a" });
    expect(load({ env: { ASSAY_CONFIG: "b" }, files: more }).config.enclaves).to.equal(8);
    expect(load({ argv: ["--config=a"], files: more }).config.network).to.equal("localhost");
  });

  it("fills in what follows from other fields", () => {
    const { config } = load({
      argv: ["--network", "holesky", "--data-dir=/var/assay", "--max-gas-price-gwei", "1.25"],
    });
    expect(config.deploymentFile).to.equal("deployments/holesky.json");
    expect(config.storePath).to.equal("/var/assay/store.sqlite");
    expect(config.maxGasPriceWei).to.equal(1_250_000_000n);
    expect(Object.isFrozen(config)).to.equal(true);
  });

  it("posts with the operator's keystore unless posting has a key of its own", () => {
    const shared = load({ argv: ["--operator-keystore", "k", "--operator-password-file", "p"] }).config;
    expect([shared.posterKeystore, shared.posterPasswordFile]).to.deep.equal(["k", "p"]);
    const own = load({
      argv: ["--operator-keystore", "k", "--operator-password-file", "p", "--poster-keystore", "q"],
    }).config;
    expect([own.posterKeystore, own.posterPasswordFile]).to.deep.equal(["q", undefined]);
  });

  it("takes lists by comma, by repetition and as an array", () => {
    const urls = ["http://a:1", "https://b/x"];
    expect(load({ argv: ["--rpc-urls", urls.join(", ")] }).config.rpcUrls).to.deep.equal(urls);
    expect(load({ argv: urls.flatMap((url) => ["--rpc-urls", url]) }).config.rpcUrls).to.deep.equal(urls);
    expect(load({ files: { "assay.config.json": JSON.stringify({ rpcUrls: urls }) } }).config.rpcUrls).to.deep.equal(
      urls,
    );
  });

  it("takes switches in every spelling, and an empty variable as not set", () => {
    expect(load({ argv: ["--allow-loss"] }).config.allowLoss).to.equal(true);
    expect(load({ argv: ["--no-allow-loss"], env: { ASSAY_ALLOW_LOSS: "yes" } }).config.allowLoss).to.equal(false);
    expect(load({ argv: ["--allow-loss=false"] }).config.allowLoss).to.equal(false);
    expect(load({ env: { ASSAY_ALLOW_LOSS: "" } }).sources.allowLoss).to.equal("default");
  });

  it("reads amounts and sizes with units, exactly", () => {
    const { config } = load({
      argv: ["--min-reward-wei", "0.000000000000000001eth", "--low-balance-wei=2.5gwei", "--memory-budget", "1.5GiB"],
    });
    expect([config.minRewardWei, config.lowBalanceWei, config.memoryBudget]).to.deep.equal([
      1n,
      2_500_000_000n,
      1_610_612_736,
    ]);
  });

  it("ignores variables of others and of the test runner", () => {
    expect(load({ env: { HOME: "/root", ASSAY_TEST_REPORT: "x", assay_x: "1" } }).config.enclaves).to.equal(2);
  });
});

describe("configuration: what is refused", () => {
  it("names the nearest flag, variable and key", () => {
    expect(only({ argv: ["--enclave", "3"] })).to.deep.equal({
      code: "CONFIG_UNKNOWN_FLAG",
      name: "--enclave",
      nearest: "--enclaves",
    });
    expect(only({ env: { ASSAY_RPC_URL: "x" } })).to.deep.equal({
      code: "CONFIG_UNKNOWN_VARIABLE",
      name: "ASSAY_RPC_URL",
      nearest: "ASSAY_RPC_URLS",
    });
    const files = { "assay.config.json": '{"minRewardWie": 1}' };
    expect(only({ files })).to.deep.equal({
      code: "CONFIG_UNKNOWN_KEY",
      name: "minRewardWie",
      nearest: "minRewardWei",
    });
    expect(only({ argv: ["--completely-different-thing"] })).to.deep.equal({
      code: "CONFIG_UNKNOWN_FLAG",
      name: "--completely-different-thing",
    });
  });

  const refused: [string, Parameters<typeof load>[0], string][] = [
    ["a flag at the end of the line without its value", { argv: ["--enclaves"] }, "CONFIG_FLAG_WITHOUT_VALUE"],
    ["a flag followed by a flag", { argv: ["--enclaves", "--allow-loss"] }, "CONFIG_FLAG_WITHOUT_VALUE"],
    ["one value given twice", { argv: ["--enclaves", "1", "--enclaves", "2"] }, "CONFIG_FLAG_REPEATED"],
    ["a word that belongs to no flag", { argv: ["three"] }, "CONFIG_UNEXPECTED_ARGUMENT"],
    ["a negative number as out of range, not as a flag", { argv: ["--enclaves", "-1"] }, "CONFIG_INVALID_VALUE"],
    ["a fraction where a whole number is due", { argv: ["--enclaves", "1.5"] }, "CONFIG_INVALID_VALUE"],
    ["hex where decimal is due", { argv: ["--http-port", "0x10"] }, "CONFIG_INVALID_VALUE"],
    ["a port above 65535", { argv: ["--http-port", "65536"] }, "CONFIG_INVALID_VALUE"],
    ["an amount with more digits than wei has", { argv: ["--min-reward-wei", "0.1gweii"] }, "CONFIG_INVALID_VALUE"],
    ["a fraction of a wei", { argv: ["--min-reward-wei", "0.0000000001gwei"] }, "CONFIG_INVALID_VALUE"],
    [
      "a JSON number that is not exact",
      { files: { "assay.config.json": '{"minRewardWei": 10000000000000000001}' } },
      "CONFIG_INVALID_VALUE",
    ],
    ["an address of the wrong scheme", { argv: ["--rpc-urls", "file:///etc/passwd"] }, "CONFIG_INVALID_VALUE"],
    ["no chain node at all", { argv: ["--rpc-urls", ","] }, "CONFIG_INVALID_VALUE"],
    ["the same chain node twice", { argv: ["--rpc-urls", "http://a,http://a"] }, "CONFIG_INVALID_VALUE"],
    ["a payout that is not an address", { argv: ["--payout", "0x12"] }, "CONFIG_INVALID_VALUE"],
    ["a network name that leaves the folder", { argv: ["--network", "../x"] }, "CONFIG_INVALID_VALUE"],
    ["a log level that is none", { argv: ["--log-level", "loud"] }, "CONFIG_INVALID_VALUE"],
    ["null in the file", { files: { "assay.config.json": '{"enclaves": null}' } }, "CONFIG_INVALID_VALUE"],
    ["a named file that is not there", { argv: ["--config", "gone.json"] }, "CONFIG_FILE_MISSING"],
    ["a file that is not JSON", { files: { "assay.config.json": "enclaves: 3" } }, "CONFIG_FILE_MALFORMED"],
    ["a file that is not an object", { files: { "assay.config.json": "[]" } }, "CONFIG_FILE_MALFORMED"],
    ["a raw key on the command line", { argv: ["--poster-private-key", KEY] }, "CONFIG_SOURCE_REFUSED"],
    [
      "a raw key in the file",
      { files: { "assay.config.json": JSON.stringify({ posterPrivateKey: KEY }) } },
      "CONFIG_SOURCE_REFUSED",
    ],
    ["a raw key without the flag that permits it", { env: { ASSAY_POSTER_PRIVATE_KEY: KEY } }, "CONFIG_CONFLICT"],
    [
      "a raw key beside a keystore",
      { argv: ["--allow-raw-key", "--poster-keystore", "k"], env: { ASSAY_POSTER_PRIVATE_KEY: KEY } },
      "CONFIG_CONFLICT",
    ],
    ["a password without its keystore", { argv: ["--poster-password-file", "p"] }, "CONFIG_CONFLICT"],
    ["a health address that others reach", { argv: ["--http-host", "0.0.0.0"] }, "CONFIG_CONFLICT"],
  ];
  for (const [what, input, code] of refused) it(`refuses ${what}`, () => expect(only(input).code).to.equal(code));

  it("reports everything that is wrong at once", () => {
    const codes = problems({ argv: ["--bogus", "1", "--enclaves"], env: { ASSAY_BOGUS: "1" } }).map(
      (problem) => problem.code,
    );
    expect(codes).to.deep.equal(["CONFIG_UNKNOWN_FLAG", "CONFIG_FLAG_WITHOUT_VALUE", "CONFIG_UNKNOWN_VARIABLE"]);
  });

  it("accepts a remote health address when that is said", () => {
    expect(load({ argv: ["--http-host", "0.0.0.0", "--http-allow-remote"] }).config.httpHost).to.equal("0.0.0.0");
  });
});

describe("configuration: secrets", () => {
  it("prints keys and the hidden parts of addresses as ***", () => {
    const argv = [
      "--allow-raw-key",
      "--rpc-urls",
      "https://user:pa55@node.example/v3/apikey?k=apikey",
      "--ws-url",
      "wss://node.example/apikey",
    ];
    const printed = JSON.stringify(printConfig(load({ argv, env: { ASSAY_OPERATOR_PRIVATE_KEY: KEY } })));
    for (const secret of [KEY.slice(2), "apikey", "pa55"]) expect(printed).not.to.include(secret);
    expect(printed).to.include("https://***@node.example/***");
    expect(printed).to.include('"name":"operatorPrivateKey","value":"***","source":"environment"');
  });

  it("keeps a malformed secret, a stray one and the text of a broken file out of errors", () => {
    const inputs = [
      { argv: ["--allow-raw-key"], env: { ASSAY_POSTER_PRIVATE_KEY: "hunter2" } },
      { argv: ["hunter2"] },
      { argv: ["--private-key=hunter2"] },
      { argv: ["--rpc-urls", "hunter2"] },
      { files: { "assay.config.json": '{"posterPrivateKey": "hunter2",' } },
    ];
    for (const input of inputs) {
      try {
        load(input);
        expect.fail("accepted");
      } catch (error) {
        expect(error).to.be.instanceOf(ConfigError);
        const shown = error as ConfigError;
        expect(`${shown.message}${JSON.stringify(shown.context)}${String(shown.cause)}`).not.to.include("hunter2");
      }
    }
  });

  it("hides what is not an address whole", () => {
    expect(redactUrl("not an address")).to.equal("***");
    expect(redactUrl("http://127.0.0.1:8545/")).to.equal("http://127.0.0.1:8545");
  });

  it("allows raw keys on development chains only", () => {
    const { config } = load({ argv: ["--allow-raw-key"], env: { ASSAY_OPERATOR_PRIVATE_KEY: KEY } });
    expect(config.posterPrivateKey).to.equal(KEY);
    assertRawKeysAllowed(config, 31337n);
    expect(() => assertRawKeysAllowed(config, 1n))
      .to.throw(ConfigError)
      .with.property("code", "CONFIG_SOURCE_REFUSED");
    assertRawKeysAllowed(load({}).config, 1n);
  });
});
