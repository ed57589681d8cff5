import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, keccak256, type SigningKey, Wallet, ZeroHash } from "ethers";
import { at, Code, type Stage, setStage } from "./helpers/fixture";
import { ADMISSION, sign } from "./helpers/statements";
import { as, enclaveKey, IMAGE, now } from "./helpers/world";

const MODEL = id("model");
const SIGNATURE = "0x0101017801020000000100000004";
const OTHER = "0x0101017801020000000100000005";

describe("ModelRegistry", () => {
  const stage = () => setStage();

  async function admission(
    s: Stage,
    change: {
      key?: SigningKey;
      tensorSignature?: string;
      issuedAt?: bigint;
      expiresAt?: bigint;
      chainId?: bigint;
    } = {},
  ) {
    const tensorSignature = change.tensorSignature ?? SIGNATURE;
    const issuedAt = change.issuedAt ?? (await now(s.user));
    const expiresAt = change.expiresAt ?? issuedAt + 3600n;
    const value = { modelHash: MODEL, signatureHash: keccak256(tensorSignature), issuedAt, expiresAt };
    const domain = { ...s.domain, chainId: change.chainId ?? s.chainId };
    const proof = sign(change.key ?? s.aliceKey, domain, ADMISSION, value);
    return [MODEL, tensorSignature, issuedAt, expiresAt, proof] as const;
  }

  describe("admit", () => {
    it("records what the first usable key signed, brought by anyone", async () => {
      const s = await loadFixture(stage);
      expect(await s.models.signatureHashOf(MODEL)).to.equal(ZeroHash);
      await expect(as(s.models, s.stranger).admit(...(await admission(s))))
        .to.emit(s.models, "ModelAdmitted")
        .withArgs(MODEL, keccak256(SIGNATURE), new Wallet(s.aliceKey).address, SIGNATURE);
      expect(await s.models.signatureHashOf(MODEL)).to.equal(keccak256(SIGNATURE));
      expect(await s.models.registry()).to.equal(s.registry.target);
    });

    it("keeps the first; an equal one is silent, a different one is evidence", async () => {
      const s = await loadFixture(stage);
      await as(s.models, s.user).admit(...(await admission(s)));
      const same = as(s.models, s.user).admit(...(await admission(s, { key: s.bobKey })));
      await expect(same).to.not.emit(s.models, "AdmissionConflict");
      await expect(as(s.models, s.user).admit(...(await admission(s, { key: s.bobKey, tensorSignature: OTHER }))))
        .to.emit(s.models, "AdmissionConflict")
        .withArgs(MODEL, keccak256(OTHER), new Wallet(s.bobKey).address);
      expect(await s.models.signatureHashOf(MODEL)).to.equal(keccak256(SIGNATURE));
    });

    it("refuses keys that the registry does not vouch for", async () => {
      const s = await loadFixture(stage);
      const unknown = enclaveKey("unknown");
      await expect(as(s.models, s.user).admit(...(await admission(s, { key: unknown }))))
        .to.be.revertedWithCustomError(s.models, "ModelSignerNotUsable")
        .withArgs(new Wallet(unknown).address, Code.SIGNER_UNKNOWN);
      await expect(as(s.models, s.user).admit(...(await admission(s, { chainId: 1n })))).to.be.revertedWithCustomError(
        s.models,
        "ModelSignerNotUsable",
      );
      await as(s.registry, s.deployer).revokeImage(IMAGE, 0);
      await expect(as(s.models, s.user).admit(...(await admission(s))))
        .to.be.revertedWithCustomError(s.models, "ModelSignerNotUsable")
        .withArgs(new Wallet(s.aliceKey).address, Code.IMAGE_REVOKED);
    });

    it("refuses a zero model, a bad proof and a changed signature", async () => {
      const s = await loadFixture(stage);
      const [model, tensorSignature, issuedAt, expiresAt, proof] = await admission(s);
      const models = as(s.models, s.user);
      await expect(models.admit(ZeroHash, tensorSignature, issuedAt, expiresAt, proof)).to.be.revertedWithCustomError(
        s.models,
        "ModelHashZero",
      );
      await expect(models.admit(model, tensorSignature, issuedAt, expiresAt, "0x"))
        .to.be.revertedWithCustomError(s.models, "ModelBadProof")
        .withArgs(MODEL);
      for (const changed of [
        [model, OTHER, issuedAt, expiresAt, proof],
        [id("other"), tensorSignature, issuedAt, expiresAt, proof],
      ] as const) {
        await expect(models.admit(...changed)).to.be.revertedWithCustomError(s.models, "ModelSignerNotUsable");
      }
    });

    it("bounds the admission's times", async () => {
      const s = await loadFixture(stage);
      const t = (await now(s.user)) + 10n;
      for (const [code, issuedAt, expiresAt] of [
        [Code.ISSUED_IN_FUTURE, t + 121n, t + 200n],
        [Code.STATEMENT_EXPIRED, t - 10n, t],
        [Code.LIFETIME_TOO_LONG, t, t + 86_401n],
      ] as const) {
        const values = await admission(s, { issuedAt, expiresAt });
        await at(t);
        await expect(as(s.models, s.user).admit(...values))
          .to.be.revertedWithCustomError(s.models, "ModelStatementNotUsable")
          .withArgs(code, issuedAt, expiresAt, t);
      }
    });
  });

  describe("names", () => {
    it("belong to the registrant, never change their meaning, and gate nothing", async () => {
      const s = await loadFixture(stage);
      const user = await s.user.getAddress();
      const models = as(s.models, s.user);
      await expect(models.register("risk", "1.0", MODEL, "ipfs://x"))
        .to.emit(s.models, "ModelRegistered")
        .withArgs(user, MODEL, "risk", "1.0", "ipfs://x");
      expect(await s.models.resolve(user, "risk", "1.0")).to.deep.equal([MODEL, "ipfs://x", false]);
      await expect(models.register("risk", "1.0", id("other"), ""))
        .to.be.revertedWithCustomError(s.models, "ModelVersionExists")
        .withArgs(user, MODEL);
      await as(s.models, s.stranger).register("risk", "1.0", id("other"), "");
      expect((await s.models.resolve(await s.stranger.getAddress(), "risk", "1.0")).modelHash).to.equal(id("other"));
      expect(await s.models.signatureHashOf(MODEL)).to.equal(ZeroHash);
    });

    it("can be deprecated by their registrant only", async () => {
      const s = await loadFixture(stage);
      const user = await s.user.getAddress();
      await as(s.models, s.user).register("risk", "1.0", MODEL, "");
      await expect(as(s.models, s.stranger).deprecate("risk", "1.0"))
        .to.be.revertedWithCustomError(s.models, "ModelVersionUnknown")
        .withArgs(await s.stranger.getAddress());
      await expect(as(s.models, s.user).deprecate("risk", "1.0"))
        .to.emit(s.models, "ModelDeprecated")
        .withArgs(user, MODEL, "risk", "1.0");
      expect((await s.models.resolve(user, "risk", "1.0")).deprecated).to.equal(true);
    });

    it("have bounded lengths and an unambiguous boundary between name and version", async () => {
      const s = await loadFixture(stage);
      const models = as(s.models, s.user);
      for (const [name, version, location, length, maximum] of [
        ["", "1", "", 0, 64],
        ["n".repeat(65), "1", "", 65, 64],
        ["n", "", "", 0, 32],
        ["n", "1".repeat(33), "", 33, 32],
        ["n", "1", "l".repeat(513), 513, 512],
      ] as const) {
        await expect(models.register(name, version, MODEL, location))
          .to.be.revertedWithCustomError(s.models, "ModelTextLength")
          .withArgs(length, maximum);
      }
      await expect(models.register("n", "1", ZeroHash, "")).to.be.revertedWithCustomError(s.models, "ModelHashZero");
      await models.register("ab", "c", MODEL, "l".repeat(512));
      await expect(s.models.resolve(await s.user.getAddress(), "a", "bc"))
        .to.be.revertedWithCustomError(s.models, "ModelVersionUnknown")
        .withArgs(await s.user.getAddress());
    });
  });
});
