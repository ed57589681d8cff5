import { expect } from "chai";
import { type JsonRpcSigner, ZeroHash } from "ethers";
import hre from "hardhat";
import { PAYLOAD } from "../../../../scripts/vectors/attestation";
import { NOW, ROOT_HASH } from "../../../fixtures/attestation/chain";
import { N } from "../../../fixtures/attestation/curve";
import { hintsOf } from "../../../fixtures/attestation/hints";
import { NitroEvm } from "../../../fixtures/attestation/nitroEvm";
import { deployNitroWorld, nitroRegistration, registrationWith } from "../../../fixtures/attestation/registration";
import { as, enclaveKey, type World } from "../../helpers/world";

/** The level that the document claims: a development root gives no more, whatever its format. */
const LEVEL = 3n;
const key = enclaveKey("nitro");

describe("EnclaveRegistry with Nitro documents", () => {
  let nitro: NitroEvm;
  let world: World;
  let operator: JsonRpcSigner;
  let from: string;
  let snapshot: string;

  before(async function () {
    nitro = await NitroEvm.start(this, ROOT_HASH);
    world = await deployNitroWorld(hre, nitro);
    operator = await nitro.evm.provider.getSigner(1);
    from = await operator.getAddress();
    snapshot = await nitro.evm.provider.send("evm_snapshot", []);
  });

  afterEach(async () => {
    await nitro.evm.provider.send("evm_revert", [snapshot]);
    snapshot = await nitro.evm.provider.send("evm_snapshot", []);
  });

  after(() => nitro?.stop());

  /** Sends a registration in a block of this second, with a gas limit and no estimate; its gas. */
  async function register(registration: unknown, at = NOW): Promise<number> {
    await nitro.evm.provider.send("evm_setNextBlockTimestamp", [at]);
    const sent = await as(world.registry, operator).register(registration, { gasLimit: 16_777_216 });
    return Number((await sent.wait())?.gasUsed);
  }

  /** "accepted", or the error that the registry or the verifier refuses it with. */
  async function refusal(registration: unknown, at = NOW, sender = operator): Promise<string> {
    const data = world.registry.interface.encodeFunctionData("register", [registration]);
    const call = { from: await sender.getAddress(), to: world.registry.target, data, gas: "0x1000000" };
    const block = { time: `0x${at.toString(16)}` };
    try {
      await nitro.evm.provider.send("eth_call", [call, "latest", {}, block]);
      return "accepted";
    } catch (error) {
      const found = JSON.stringify(error).match(/"data":"(0x[0-9a-f]{8,})"/)?.[1] ?? "0x";
      return (world.registry.interface.parseError(found) ?? nitro.errors.parseError(found))?.name ?? "unknown";
    }
  }

  it("registers an enclave in one transaction, cold for 9,500,000 gas at most and warm for 5,500,000", async () => {
    const first = nitroRegistration(world, { key, operator: from });
    expect(await register(first.registration)).to.be.at.most(9_500_000);
    await nitro.mine("cacheCertificates", [first.document, hintsOf(first.document)], NOW + 1);
    const second = nitroRegistration(world, { key: enclaveKey("nitro/2"), operator: from }, { warm: true });
    expect(await register(second.registration, NOW + 2)).to.be.at.most(5_500_000);
    for (const each of [key, enclaveKey("nitro/2")]) {
      const seen = await world.registry.check(hre.ethers.computeAddress(each.publicKey), LEVEL, ZeroHash);
      expect(seen.trust).to.equal(LEVEL);
    }
  });

  it("spends a document by its payload: neither again, nor as the twin of its signature", async () => {
    const { document, registration } = nitroRegistration(world, { key, operator: from });
    await register(registration);
    expect(await refusal(registration)).to.equal("RegistryDocumentSpent");
    const twin = Uint8Array.from(document);
    const s = BigInt(`0x${Buffer.from(document.subarray(-48)).toString("hex")}`);
    twin.set(Buffer.from((N - s).toString(16).padStart(96, "0"), "hex"), document.length - 48);
    expect(await refusal(registrationWith(twin, hintsOf(twin)))).to.equal("RegistryDocumentSpent");
  });

  for (const [what, options, expected] of [
    [
      "another operator's consent",
      { operator: "0x00000000000000000000000000000000000000aa" },
      "RegistryConsentExpired",
    ],
    ["another chain", { chainId: 1n }, "RegistryWrongChain"],
    ["another registry", { registry: "0x00000000000000000000000000000000000000bb" }, "RegistryWrongRegistry"],
    ["another hub", { hubDomain: ZeroHash }, "RegistryWrongHub"],
    ["another endpoint", { endpoint: "https://elsewhere.example" }, "RegistryHashMismatch"],
    ["an old clock", { at: NOW - 601 }, "RegistryDocumentNotFresh"],
    ["a clock ahead", { at: NOW + 121 }, "RegistryDocumentNotFresh"],
  ] as [string, Partial<Parameters<typeof nitroRegistration>[1]>, string][]) {
    it(`refuses a document made for ${what}`, async () => {
      const { registration } = nitroRegistration(world, { key, operator: from, ...options });
      expect(await refusal(registration)).to.equal(expected);
    });
  }

  it("refuses a debug enclave, whose PCR0 to PCR2 are zero and whose PCR4 is not", async () => {
    const pcrs = new Map([...PAYLOAD.pcrs].map(([i]) => [i, new Uint8Array(48).fill(i === 4 ? 7 : 0)]));
    const { registration } = nitroRegistration(world, { key, operator: from }, { pcrs });
    expect(await refusal(registration)).to.equal("RegistryDebugEnclave");
  });

  it("refuses an image that is not approved, if any of the three measurements differs", async () => {
    for (const index of [0, 1, 2]) {
      const pcrs = new Map(PAYLOAD.pcrs).set(index, new Uint8Array(48).fill(0x77));
      const { registration } = nitroRegistration(world, { key, operator: from }, { pcrs });
      expect(await refusal(registration)).to.equal("RegistryImageNotActive");
    }
  });

  it("passes the verifier's own error on", async () => {
    const { document } = nitroRegistration(world, { key, operator: from });
    expect(await refusal(registrationWith(document, "0x"))).to.equal("NitroHintMissing");
    const forged = Buffer.concat([document.subarray(0, -96), new Uint8Array(96)]);
    expect(await refusal(registrationWith(forged, hintsOf(document)))).to.equal("P384ScalarOutOfRange");
  });
});
