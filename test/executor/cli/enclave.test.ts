import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { JsonRpcProvider, SigningKey, Wallet } from "ethers";
import { deployAssay } from "../../../executor/deployment/deploy";
import { type LocalNode, nodeProgram, startLocalNode } from "../../../executor/deployment/localNode";
import { type DeploymentRecord, writeDeployment } from "../../../executor/deployment/record";
import { address, hex32, ZERO_32 } from "../../../executor/domain/ids";
import { loadNitroPlatform, type NitroFormatPlatform } from "../../../executor/enclave/platform/nitroPlatform";
import { ephemeralPlatform } from "../../../executor/enclave/platform/platform";
import { hexToBytes } from "../../../executor/protocol/bytes";
import { domainSeparator, keccak256 } from "../../../executor/protocol/statement";
import { encodeUserData } from "../../../executor/protocol/userData";
import { localKey } from "../../../scripts/start/localKeys";
import { skipTest } from "../../../scripts/test/skip";
import { CHAIN, KEYS, type Key, keyOf } from "../../fixtures/attestation/chain";
import { crlOf } from "../../fixtures/attestation/crl";
import { RECORD } from "../deployment/fixtures";
import { assay } from "./run";

const PCRS = { pcr0: new Uint8Array(48).fill(1), pcr1: new Uint8Array(48).fill(2), pcr2: new Uint8Array(48).fill(3) };
const KEY_CONFIG = new Uint8Array(41).fill(7);
const ENDPOINT = "https://operator.example";
/** Accounts of the development node. */
const [OWNER, OPERATOR, OTHER] = ["0", "1", "3"] as const;

describe("command line: assay enclave, on a chain", function () {
  this.timeout(120_000);
  const development = ephemeralPlatform();
  let folder: string;
  let node: LocalNode | undefined;
  let provider: JsonRpcProvider;
  let nitro: NitroFormatPlatform;
  let record: DeploymentRecord;

  before(async function () {
    const anvil = nodeProgram("anvil", 0);
    if (anvil === undefined) return skipTest(this, "part", "npm has no anvil for this platform");
    folder = mkdtempSync(join(tmpdir(), "assay-cli-enclave-"));
    nitro = loadNitroPlatform(join(folder, "nitro-root.pem"));
    node = await startLocalNode([anvil]);
    provider = new JsonRpcProvider(node.url, undefined, { staticNetwork: true, cacheTimeout: -1 });
    record = await deployAssay({
      network: "cli",
      deployer: await provider.getSigner(0),
      rootPublicKey: development.rootKey,
      images: [nitro.imageIdOf(PCRS), development.imageIdOf(PCRS)],
      nitroRoot: nitro,
    });
    writeDeployment(join(folder, "deployment.json"), record);
    file("key.config", KEY_CONFIG);
  });
  after(async () => {
    provider?.destroy();
    await node?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function file(name: string, bytes: Uint8Array): string {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  }

  /** A document for a key of this name, as a platform gives it now. */
  function documentOf(name: string, platform: Pick<NitroFormatPlatform, "document"> = nitro, changes = {}): string {
    const { chainId, contracts } = record;
    const hub = contracts.InferenceHub.address;
    const userData = encodeUserData({
      level: 2,
      hardwareRooted: false,
      chainId: BigInt(chainId),
      registry: contracts.EnclaveRegistry.address,
      hubDomain: domainSeparator({ name: "Assay", chainId: BigInt(chainId), contract: hub }),
      operator: address(new Wallet(localKey(1)).address),
      payout: address(new Wallet(localKey(1)).address),
      endpointHash: keccak256(new TextEncoder().encode(ENDPOINT)),
      keyConfigHash: keccak256(KEY_CONFIG),
      runtimeProfile: ZERO_32,
      ...changes,
    });
    const publicKey = hexToBytes(hex32(keccak256(Buffer.from(name))));
    const key = new SigningKey(publicKey);
    const nowMs = Date.now();
    return file(
      name,
      platform.document({ pcrs: PCRS, publicKey: hexToBytes(key.publicKey as `0x${string}`), userData, nowMs }),
    );
  }

  const run = async (args: readonly string[], account: string = OPERATOR) => {
    const chain = ["--rpc-url", String(node?.url), "--deployment", "deployment.json"];
    const { code, stdout, stderr } = await assay(
      ["enclave", ...args, ...chain, "--account", account, "--json"],
      folder,
    );
    return { code, stderr, said: stdout === "" ? undefined : JSON.parse(stdout) };
  };
  const besides = ["--key-config", "key.config", "--endpoint", ENDPOINT];

  it("registers by a document of AWS's format, prolongs it by the next one, and lists it at a software level", async () => {
    const first = await run(["register", documentOf("first"), ...besides]);
    expect(first.stderr).to.equal("");
    expect(first.code).to.equal(0);
    expect(Number(first.said.gasUsed)).to.be.within(6_000_000, 9_500_000);
    const event = first.said.events.find((each: { event: string }) => each.event === "EnclaveRegistered");
    expect(event).to.include({ trust: "2", endpoint: ENDPOINT });
    const renewed = await run(["renew", documentOf("first"), ...besides]);
    expect(renewed.code).to.equal(0);
    expect(renewed.said.events.map((each: { event: string }) => each.event)).to.deep.equal(["EnclaveRenewed"]);
    const listed = await assay(
      ["enclave", "list", "--rpc-url", String(node?.url), "--deployment", "deployment.json", "--json"],
      folder,
    );
    expect(JSON.parse(listed.stdout)).to.have.length(1);
    expect(JSON.parse(listed.stdout)[0]).to.include({ signer: event.signer, trust: 2, code: 0 });
  });

  it("registers by a document of the development format, for little gas", async () => {
    const { code, said } = await run(["register", documentOf("development", development), ...besides]);
    expect(code).to.equal(0);
    expect(Number(said.gasUsed)).to.be.lessThan(700_000);
  });

  it("lets another account pay with the operator's consent, and with none refuses before anything is sent", async () => {
    const document = documentOf("paid", development);
    const none = await run(["register", document, ...besides], OTHER);
    expect([none.code, none.stderr.split(":")[0]]).to.deep.equal([3, "REGISTRY_CONSENT_MISSING"]);
    const wrong = await run(["register", document, ...besides, "--operator-account", OTHER], OTHER);
    expect([wrong.code, wrong.stderr.split(":")[0]]).to.deep.equal([2, "CLI_OPERATOR_WRONG"]);
    const paid = await run(["register", document, ...besides, "--operator-account", OPERATOR], OTHER);
    expect([paid.code, paid.stderr]).to.deep.equal([0, ""]);
    const again = await run(["register", document, ...besides]);
    expect(again.stderr).to.match(/^REGISTRY_CALL_REVERTS: .*RegistryDocumentSpent \(.*ask the enclave for a new/);
    expect(again.code).to.equal(3);
  });

  it("names what is wrong with a document, and sends nothing", async () => {
    const before = await provider.getTransactionCount(new Wallet(localKey(1)).address);
    for (const [document, args, says] of [
      [documentOf("root", ephemeralPlatform()), besides, "REGISTRY_DOCUMENT_REFUSED: .*DevelopmentSignatureInvalid"],
      [
        documentOf("other", loadNitroPlatform(join(folder, "other.pem"))),
        besides,
        "REGISTRY_DOCUMENT_REFUSED: .*NitroRootUnknown",
      ],
      [documentOf("endpoint"), ["--key-config", "key.config"], "REGISTRY_ENDPOINT_MISMATCH"],
      [
        documentOf("config"),
        ["--key-config", "nitro-root.pem", "--endpoint", ENDPOINT],
        "REGISTRY_KEY_CONFIG_MISMATCH",
      ],
      [documentOf("chain", nitro, { chainId: 1n }), besides, "REGISTRY_CALL_REVERTS: .*RegistryWrongChain"],
      [
        documentOf("hardware", nitro, { hardwareRooted: true }),
        besides,
        "REGISTRY_CALL_REVERTS: .*RegistryLevelNotAllowed",
      ],
      [documentOf("level", nitro, { level: 4 }), besides, "REGISTRY_CALL_REVERTS: .*RegistryLevelNotAllowed"],
    ] as const) {
      const ended = await run(["register", document, ...args]);
      expect(ended.stderr).to.match(new RegExp(`^${says}`));
      expect(ended.code).to.equal(3);
    }
    expect(await provider.getTransactionCount(new Wallet(localKey(1)).address)).to.equal(before);
  });

  it("drains a key by its operator, and not by a stranger", async () => {
    const { said } = await run(["register", documentOf("drained", development), ...besides]);
    const { signer } = said.events.find((each: { event: string }) => each.event === "EnclaveRegistered");
    const stranger = await run(["drain", signer], OTHER);
    expect(stranger.stderr).to.match(/^REGISTRY_CALL_REVERTS: .*RegistryNotAllowed \(.*its operator's/);
    const drained = await run(["drain", signer]);
    expect([drained.code, drained.stderr]).to.deep.equal([0, ""]);
    expect(drained.said.events[0]).to.include({ event: "EnclaveDraining", signer });
    const renewed = await run(["renew", documentOf("drained", development), ...besides]);
    expect(renewed.stderr).to.match(/^REGISTRY_CALL_REVERTS: renew would be refused/);
  });

  it("drains no key that the registry does not know", async () => {
    const ended = await run(["drain", `0x${"12".repeat(20)}`]);
    expect(ended.stderr).to.match(/^REGISTRY_CALL_REVERTS: drain would be refused/);
    expect(ended.code).to.equal(3);
  });

  it("revokes certificates by their issuer's list, whoever brings it, once", async () => {
    const root = KEYS[0] as Key;
    const issuer = file("issuer.der", CHAIN[0] as Uint8Array);
    const crl = file("list.crl", crlOf([5n, 2n ** 127n], root));
    const { code, said, stderr } = await run(["revoke", "--crl", crl, "--issuer", issuer], OTHER);
    expect([code, stderr]).to.deep.equal([0, ""]);
    expect(said.events).to.deep.equal([
      { event: "NitroCertificateRevoked", issuer: keccak256(root.publicKey), serial: "0x05" },
      { event: "NitroCertificateRevoked", issuer: keccak256(root.publicKey), serial: `0x80${"00".repeat(15)}` },
    ]);
    for (const [list, says] of [
      [crl, "REVOCATION_ALREADY_KNOWN"],
      [file("empty.crl", crlOf([], root)), "REVOCATION_LIST_EMPTY"],
      [file("foreign.crl", crlOf([6n], keyOf("stranger"))), "REVOCATION_ISSUER_UNKNOWN"],
      [file("pem.crl", Buffer.from("-----BEGIN X509 CRL-----")), "REVOCATION_LIST_MALFORMED"],
      [issuer, "REVOCATION_LIST_MALFORMED: .*X509_CRL_VERSION"],
    ] as const) {
      const ended = await run(["revoke", "--crl", list, "--issuer", issuer], OTHER);
      expect(ended.stderr).to.match(new RegExp(`^${says}`));
      expect(ended.code).to.equal(3);
    }
    // A document carries the certificates of its issuers; its own list speaks for the CA that signed it.
    const ended = await run(["revoke", "--crl", crl, "--issuer", documentOf("carrier")], OTHER);
    expect(ended.stderr).to.match(/^REVOCATION_ISSUER_UNKNOWN: /);
  });

  it("revokes an image and a root by the revoker's key alone, and for ever", async () => {
    const imageId = development.imageIdOf(PCRS);
    const image = [imageId, "--compromised-since", "1700000000"];
    const stranger = await run(["revoke", ...image]);
    expect(stranger.stderr).to.match(/^REGISTRY_CALL_REVERTS: .*RegistryNotAllowed \(.*revoker's/);
    const future = await run(["revoke", imageId, "--compromised-since", "99999999999"], OWNER);
    expect(future.stderr).to.match(/^REGISTRY_CALL_REVERTS: .*RegistryCompromisedInFuture/);
    const done = await run(["revoke", ...image], OWNER);
    expect([done.code, done.said?.events]).to.deep.equal([
      0,
      [{ event: "ImageRevoked", imageId, compromisedSince: "1700000000" }],
    ]);
    expect((await run(["revoke", ...image], OWNER)).stderr).to.match(/^REGISTRY_CALL_REVERTS: .*RegistryNotRevocable/);
    const late = await run(["register", documentOf("late", development), ...besides]);
    expect(late.stderr).to.match(/^REGISTRY_CALL_REVERTS: .*RegistryImageNotActive/);
    const root = await run(["revoke", "--root", nitro.rootId], OWNER);
    expect([root.code, root.said?.events]).to.deep.equal([0, [{ event: "RootRevoked", rootId: nitro.rootId }]]);
    const orphan = await run(["register", documentOf("orphan"), ...besides]);
    expect(orphan.stderr).to.match(/^REGISTRY_CALL_REVERTS: .*RegistryRootNotActive/);
  });
});

describe("command line: assay enclave, wrong calls", function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-cli-enclave-"));
    writeDeployment(join(folder, "deployment.json"), RECORD);
    writeFileSync(join(folder, "document"), "x");
    writeFileSync(join(folder, "empty"), "");
    writeFileSync(join(folder, "large"), new Uint8Array(65_537));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const config = ["--key-config", "document"];
  for (const [what, args, says] of [
    ["no document", ["register", ...config], "error: missing required argument 'document'"],
    ["no key configuration", ["register", "document"], "error: required option '--key-config <file>' not specified"],
    ["a document that is not there", ["register", "nowhere", ...config], "CLI_FILE_UNREADABLE: "],
    ["an empty document", ["renew", "empty", ...config], "CLI_FILE_EMPTY: "],
    ["a document that is too large", ["register", "large", ...config], "CLI_FILE_TOO_LARGE: "],
    ["a key configuration that is not there", ["register", "document", "--key-config", "no"], "CLI_FILE_UNREADABLE: "],
    ["a signer that is no address", ["drain", "0x12"], "ID_MALFORMED: "],
    ["nothing to revoke", ["revoke"], "CLI_REVOCATION_UNCLEAR: "],
    ["two things to revoke", ["revoke", ZERO_32, "--root", ZERO_32], "CLI_REVOCATION_UNCLEAR: "],
    ["an image that is no id", ["revoke", "0x12", "--compromised-since", "1"], "ID_MALFORMED: "],
    ["an image without a time", ["revoke", ZERO_32], "CLI_TIME_MISSING: "],
    ["a time that is none", ["revoke", ZERO_32, "--compromised-since", "now"], "CLI_TIME_INVALID: "],
    ["a time above 40 bits", ["revoke", ZERO_32, "--compromised-since", "1099511627776"], "CLI_TIME_INVALID: "],
    ["a time for a root", ["revoke", "--root", ZERO_32, "--compromised-since", "1"], "CLI_OPTION_UNUSED: "],
    ["a root that is no id", ["revoke", "--root", "x"], "ID_MALFORMED: "],
    ["an issuer without a list", ["revoke", ZERO_32, "--issuer", "document"], "CLI_OPTION_UNUSED: "],
    ["a list without its issuer", ["revoke", "--crl", "document"], "CLI_ISSUER_MISSING: "],
    ["a list that is not there", ["revoke", "--crl", "nowhere", "--issuer", "document"], "CLI_FILE_UNREADABLE: "],
  ] as const) {
    it(`says what is wrong with ${what}`, async () => {
      const ended = await assay(["enclave", ...args, "--deployment", "deployment.json"], folder);
      expect(ended.stderr).to.match(new RegExp(`^${says}`));
      expect(ended.code).to.equal(2);
      expect(ended.stdout).to.equal("");
    });
  }

  it("says what is wrong with the key that pays, and that no node is up", async () => {
    const drain = ["enclave", "drain", `0x${"12".repeat(20)}`, "--deployment", "deployment.json"];
    const down = await assay([...drain, "--rpc-url", "http://127.0.0.1:1"], folder);
    expect([down.code, down.stderr.split(":")[0]]).to.deep.equal([3, "RPC_UNREACHABLE"]);
  });
});
