import { loadFixture, mine, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import {
  concat,
  dataSlice,
  hexlify,
  id,
  keccak256,
  TypedDataEncoder,
  toBeHex,
  toUtf8Bytes,
  Wallet,
  ZeroAddress,
} from "ethers";
import hre from "hardhat";
import { at, Code, type Stage, setStage } from "../helpers/fixture";
import { CONSENT, structHash } from "../helpers/statements";
import {
  as,
  type DocumentOptions,
  ENDPOINT,
  enclaveKey,
  IMAGE,
  IMAGE_HARDWARE,
  KEY_CONFIG,
  mined,
  now,
  PCRS,
  PROFILE,
  ROOT_HARDWARE,
  registrationOf,
  userDataOf,
} from "../helpers/world";

describe("EnclaveRegistry.register", () => {
  const stage = () => setStage();
  const developmentStage = () => setStage({ developmentLevelAllowed: true });
  const KEY = enclaveKey("fresh");
  const SIGNER = new Wallet(KEY).address;

  async function document(s: Stage, change: Partial<DocumentOptions> = {}) {
    return registrationOf(s, {
      key: KEY,
      operator: await s.alice.getAddress(),
      attestedAt: await now(s.user),
      ...change,
    });
  }

  const register = async (s: Stage, change: Partial<DocumentOptions> = {}, sender = s.alice) =>
    as(s.registry, sender).register((await document(s, change)).registration);

  it("makes the key active, with the operator's id, and publishes what it attested", async () => {
    const s = await loadFixture(stage);
    const payout = Wallet.createRandom().address;
    const { registration, payloadHash } = await document(s, { payout });
    const operator = await s.alice.getAddress();
    const t = await at((await now(s.user)) + 7n);
    await expect(as(s.registry, s.alice).register(registration))
      .to.emit(s.registry, "EnclaveRegistered")
      .withArgs(SIGNER, 1, IMAGE, operator, payout, 3, t + 86_400n, PROFILE, ENDPOINT, KEY_CONFIG);
    expect(await s.registry.check(SIGNER, 3, IMAGE)).to.deep.equal([Code.OK, 1n, 3n, 1n]);
    expect(await s.registry.lifeOf(SIGNER)).to.deep.equal([1n, t, t + 86_400n, t + 3_600n, 0n, false]);
    expect(await s.registry.spentDocument(payloadHash)).to.equal(true);
    expect(await s.registry.payoutOf(1)).to.equal(payout);
    expect(await s.registry.operatorOf(1)).to.equal(operator);
    expect(await s.registry.operatorIdOf(operator)).to.equal(1n);
  });

  it("gives ids from 1, one per operator", async () => {
    const s = await loadFixture(stage);
    expect(await s.registry.operatorIdOf(await s.bob.getAddress())).to.equal(2n);
    await register(s, { operator: await s.stranger.getAddress() }, s.stranger);
    expect(await s.registry.operatorIdOf(await s.stranger.getAddress())).to.equal(3n);
    expect(await s.registry.operatorIdOf(ZeroAddress)).to.equal(0n);
  });

  describe("document", () => {
    it("comes from a live verifier and a live root", async () => {
      const s = await loadFixture(stage);
      const { registration } = await document(s);
      await expect(as(s.registry, s.alice).register({ ...registration, verifierIndex: 1 }))
        .to.be.revertedWithCustomError(s.registry, "RegistryVerifierNotActive")
        .withArgs(1);
      await expect(register(s, { rootId: id("nobody") }))
        .to.be.revertedWithCustomError(s.registry, "RegistryRootNotActive")
        .withArgs(id("nobody"));
    });

    it("is spent once, whoever shows it and for whatever key", async () => {
      const s = await loadFixture(stage);
      const { registration, payloadHash } = await document(s);
      await mined(as(s.registry, s.alice).register(registration));
      for (const call of ["register", "renew"] as const) {
        await expect(as(s.registry, s.alice)[call](registration))
          .to.be.revertedWithCustomError(s.registry, "RegistryDocumentSpent")
          .withArgs(payloadHash);
      }
    });

    it("has three PCRs of 48 bytes, the first not zero", async () => {
      const s = await loadFixture(stage);
      const [a = "", b = "", c = ""] = PCRS;
      for (const [pcrs, index, length] of [
        [[dataSlice(a, 1), b, c], 0, 47],
        [[a, concat([b, "0x00"]), c], 1, 49],
        [[a, b, "0x"], 2, 0],
        [[dataSlice(a, 1), concat([b, "0x00"]), c], 0, 47],
      ] as const) {
        await expect(register(s, { pcrs }))
          .to.be.revertedWithCustomError(s.registry, "RegistryPcrLength")
          .withArgs(index, length);
      }
      await expect(register(s, { pcrs: [hexlify(new Uint8Array(48)), b, c] })).to.be.revertedWithCustomError(
        s.registry,
        "RegistryDebugEnclave",
      );
    });

    it("names an approved image, root included", async () => {
      const s = await loadFixture(stage);
      const [a = "", b = ""] = PCRS;
      await expect(register(s, { pcrs: [a, b, b] })).to.be.revertedWithCustomError(
        s.registry,
        "RegistryImageNotActive",
      );
      await as(s.registry, s.deployer).revokeImage(IMAGE, 0);
      await expect(register(s)).to.be.revertedWithCustomError(s.registry, "RegistryImageNotActive").withArgs(IMAGE);
    });

    it("carries an uncompressed key", async () => {
      const s = await loadFixture(stage);
      for (const publicKey of [
        "0x",
        KEY.compressedPublicKey,
        dataSlice(KEY.publicKey, 1),
        concat(["0x05", dataSlice(KEY.publicKey, 1)]),
        concat([KEY.publicKey, "0x00"]),
      ]) {
        await expect(register(s, { publicKey }))
          .to.be.revertedWithCustomError(s.registry, "RegistryPublicKeyMalformed")
          .withArgs((publicKey.length - 2) / 2);
      }
    });
  });

  describe("user_data", () => {
    it("is the canonical 352 bytes", async () => {
      const s = await loadFixture(stage);
      const good = userDataOf(s, { key: KEY, operator: await s.alice.getAddress(), attestedAt: 0n });
      const dirty = (word: number, value: string) =>
        concat([dataSlice(good, 0, 32 * word), value, dataSlice(good, 32 * word + 32)]);
      const high = `0x01${"00".repeat(31)}`;
      for (const userData of [
        "0x",
        dataSlice(good, 0, 351),
        concat([good, "0x00"]),
        dirty(0, toBeHex(0, 32)),
        dirty(0, toBeHex(2, 32)),
        dirty(1, toBeHex(256, 32)),
        dirty(2, toBeHex(2, 32)),
        dirty(4, high),
        dirty(6, high),
        dirty(7, high),
      ]) {
        await expect(register(s, { userData }))
          .to.be.revertedWithCustomError(s.registry, "RegistryUserDataMalformed")
          .withArgs((userData.length - 2) / 2);
      }
    });

    it("binds chain, registry, hub, endpoint and key configuration", async () => {
      const s = await loadFixture(stage);
      await expect(register(s, { chainId: 1n }))
        .to.be.revertedWithCustomError(s.registry, "RegistryWrongChain")
        .withArgs(s.chainId, 1);
      await expect(register(s, { registry: String(s.hub.target) }))
        .to.be.revertedWithCustomError(s.registry, "RegistryWrongRegistry")
        .withArgs(s.registry.target, s.hub.target);
      await expect(register(s, { hubDomain: id("x") }))
        .to.be.revertedWithCustomError(s.registry, "RegistryWrongHub")
        .withArgs(TypedDataEncoder.hashDomain(s.domain), id("x"));
      const evil = "https://evil.example";
      await expect(register(s, { endpoint: evil }))
        .to.be.revertedWithCustomError(s.registry, "RegistryHashMismatch")
        .withArgs(keccak256(toUtf8Bytes(evil)), keccak256(toUtf8Bytes(ENDPOINT)));
      await expect(register(s, { keyConfig: "0x01" }))
        .to.be.revertedWithCustomError(s.registry, "RegistryHashMismatch")
        .withArgs(keccak256("0x01"), keccak256(KEY_CONFIG));
      await expect(register(s, { payout: ZeroAddress })).to.be.revertedWithCustomError(s.registry, "RegistryZero");
      await expect(register(s, { operator: ZeroAddress, payout: SIGNER })).to.be.revertedWithCustomError(
        s.registry,
        "RegistryZero",
      );
    });

    it("can not claim hardware, level 4 or level 0 under a software root", async () => {
      const s = await loadFixture(stage);
      for (const [level, hardwareRooted] of [
        [0, false],
        [4, false],
        [255, false],
        [3, true],
        [4, true],
      ] as const) {
        await expect(register(s, { level, hardwareRooted }))
          .to.be.revertedWithCustomError(s.registry, "RegistryLevelNotAllowed")
          .withArgs(level, hardwareRooted);
      }
    });

    for (const level of [1, 2, 3]) {
      it(`gives software level ${level} that trust`, async () => {
        const s = await loadFixture(stage);
        await mined(register(s, { level }) as never);
        expect((await s.registry.check(SIGNER, level, IMAGE)).slice(0, 3)).to.deep.equal([Code.OK, 1n, BigInt(level)]);
        expect((await s.registry.check(SIGNER, level + 1, IMAGE)).code).to.equal(Code.TRUST_TOO_LOW);
      });
    }

    it("may say level 0 only where the deployment allowed it", async () => {
      const s = await loadFixture(developmentStage);
      await register(s, { level: 0 });
      expect((await s.registry.check(SIGNER, 0, IMAGE)).slice(0, 3)).to.deep.equal([Code.OK, 1n, 0n]);
      expect((await s.registry.check(SIGNER, 1, IMAGE)).code).to.equal(Code.TRUST_TOO_LOW);
    });

    it("is ignored about its level under a hardware root: trust is 4", async () => {
      const s = await loadFixture(stage);
      for (const [name, level, hardwareRooted] of [
        ["a", 0, false],
        ["b", 2, true],
        ["c", 255, false],
      ] as const) {
        const key = enclaveKey(`hardware/${name}`);
        await register(s, { key, rootId: ROOT_HARDWARE, level, hardwareRooted });
        expect((await s.registry.check(new Wallet(key).address, 4, IMAGE_HARDWARE)).slice(0, 3)).to.deep.equal([
          Code.OK,
          1n,
          4n,
        ]);
      }
    });
  });

  describe("freshness", () => {
    const nonceOf = (blockNumber: number, hash: string) => concat([toBeHex(blockNumber, 8), hash]);

    it("is the chain's own word: a hash of one of the last 256 blocks", async () => {
      const s = await loadFixture(stage);
      const block = await hre.ethers.provider.getBlock("latest");
      const nonce = nonceOf(block?.number ?? 0, block?.hash ?? "");
      const old = { nonce, attestedAt: 1n };
      await mine(250);
      await register(s, { ...old, key: enclaveKey("in time") });
      await mine(20);
      await expect(register(s, old))
        .to.be.revertedWithCustomError(s.registry, "RegistryNonceStale")
        .withArgs(40, block?.number);
    });

    it("is not a made-up hash, a block to come, a zero hash or another length", async () => {
      const s = await loadFixture(stage);
      const block = await hre.ethers.provider.getBlock("latest");
      const number = block?.number ?? 0;
      const zero = `0x${"00".repeat(32)}`;
      for (const nonce of [nonceOf(number, id("x")), nonceOf(number + 1, zero), nonceOf(2 ** 40, zero)]) {
        await expect(register(s, { nonce })).to.be.revertedWithCustomError(s.registry, "RegistryNonceStale");
      }
      for (const nonce of [block?.hash ?? "", concat([nonceOf(number, block?.hash ?? ""), "0x00"])]) {
        await expect(register(s, { nonce }))
          .to.be.revertedWithCustomError(s.registry, "RegistryNonceStale")
          .withArgs((nonce.length - 2) / 2, 0);
      }
    });

    it("is otherwise the document's time: at most 600 s old and 120 s ahead", async () => {
      const s = await loadFixture(stage);
      const t = (await now(s.user)) + 1000n;
      for (const attestedAt of [t - 601n, t + 121n]) {
        await at(t);
        await expect(register(s, { attestedAt }))
          .to.be.revertedWithCustomError(s.registry, "RegistryDocumentNotFresh")
          .withArgs(attestedAt, t);
      }
      for (const attestedAt of [t - 600n, t + 120n]) {
        await at(t);
        await register(s, { attestedAt, key: enclaveKey(`fresh ${attestedAt - t}`) });
      }
    });
  });

  describe("consent", () => {
    async function consented(s: Stage, operator: string, signer: Wallet, deadline: bigint) {
      const { registration, payloadHash } = await document(s, { operator });
      const consent = await signer.signTypedData(s.registryDomain, CONSENT, { payloadHash, operator, deadline });
      return { ...registration, consentDeadline: deadline, consent };
    }

    const wallet = new Wallet(id("operator"));

    it("is the sender, or the operator's signature until its deadline", async () => {
      const s = await loadFixture(stage);
      const t = (await now(s.user)) + 60n;
      const r = await consented(s, wallet.address, wallet, t);
      await at(t + 1n);
      await expect(as(s.registry, s.stranger).register(r))
        .to.be.revertedWithCustomError(s.registry, "RegistryConsentExpired")
        .withArgs(t, t + 1n);
      const fresh = await consented(s, wallet.address, wallet, t + 600n);
      await as(s.registry, s.stranger).register(fresh);
      expect(await s.registry.operatorIdOf(wallet.address)).to.equal(3n);
    });

    it("is not somebody else's signature, nor one for another document, operator, deadline or registry", async () => {
      const s = await loadFixture(stage);
      const deadline = (await now(s.user)) + 600n;
      const good = await consented(s, wallet.address, wallet, deadline);
      const { payloadHash } = await document(s, { operator: wallet.address });
      const value = { payloadHash, operator: wallet.address, deadline };
      const signed = (domain: typeof s.registryDomain, v: typeof value) => wallet.signTypedData(domain, CONSENT, v);
      for (const consent of [
        "0x",
        (await consented(s, wallet.address, new Wallet(id("thief")), deadline)).consent,
        await signed(s.registryDomain, { ...value, payloadHash: id("x") }),
        await signed(s.registryDomain, { ...value, operator: ZeroAddress }),
        await signed(s.registryDomain, { ...value, deadline: deadline + 1n }),
        await signed({ ...s.registryDomain, chainId: 1n }, value),
        await signed(s.domain, value),
      ]) {
        await expect(as(s.registry, s.stranger).register({ ...good, consent }))
          .to.be.revertedWithCustomError(s.registry, "RegistryNoConsent")
          .withArgs(wallet.address);
      }
      expect(structHash(CONSENT, value)).to.have.lengthOf(66);
    });

    it("may come from a contract (ERC-1271)", async () => {
      const s = await loadFixture(stage);
      const account = await hre.ethers.deployContract("MockWallet", [wallet.address]);
      const deadline = (await now(s.user)) + 600n;
      const operator = String(account.target);
      const bad = await consented(s, operator, new Wallet(id("thief")), deadline);
      await expect(as(s.registry, s.stranger).register(bad))
        .to.be.revertedWithCustomError(s.registry, "RegistryNoConsent")
        .withArgs(operator);
      await as(s.registry, s.stranger).register(await consented(s, operator, wallet, deadline));
      expect(await s.registry.operatorIdOf(operator)).to.equal(3n);
    });

    it("is not given by a poster for a new key", async () => {
      const s = await loadFixture(stage);
      await as(s.registry, s.alice).setPoster(1, await s.stranger.getAddress(), true);
      const deadline = (await now(s.user)) + 600n;
      const { registration } = await document(s);
      await expect(
        as(s.registry, s.stranger).register({ ...registration, consentDeadline: deadline }),
      ).to.be.revertedWithCustomError(s.registry, "RegistryNoConsent");
    });
  });

  it("a key is registered once, alive or closed", async () => {
    const s = await loadFixture(stage);
    await register(s);
    const again = () => register(s, { serial: "2" });
    await expect(again()).to.be.revertedWithCustomError(s.registry, "RegistrySignerNotNew").withArgs(SIGNER);
    await as(s.registry, s.alice).close(SIGNER);
    await expect(again()).to.be.revertedWithCustomError(s.registry, "RegistrySignerNotNew").withArgs(SIGNER);
    await time.increase(100_000);
    await expect(again()).to.be.revertedWithCustomError(s.registry, "RegistrySignerNotNew").withArgs(SIGNER);
  });
});
