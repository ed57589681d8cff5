import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ZeroHash } from "ethers";
import { at, Code, type Stage, setStage } from "../helpers/fixture";
import { CONSENT } from "../helpers/statements";
import { pulse, signerOf } from "../helpers/sync";
import { as, type DocumentOptions, enclaveKey, IMAGE, mined, now, registrationOf } from "../helpers/world";

const EPOCH = 86_400n;
const DRAIN = 3_600n;

describe("EnclaveRegistry: drain and rotate", () => {
  const stage = () => setStage();
  const second = enclaveKey("second");

  const documentFor = async (s: Stage, change: Partial<DocumentOptions> = {}) =>
    registrationOf(s, {
      key: second,
      operator: await s.alice.getAddress(),
      attestedAt: await now(s.user),
      serial: "second",
      ...change,
    });

  describe("drain", () => {
    it("cuts the epoch to an hour, says so, and leaves the key as usable as it was", async () => {
      const s = await loadFixture(stage);
      const signer = signerOf(s.aliceKey);
      const before = await s.registry.check(signer, 3, IMAGE);
      const { validFrom, heartbeatDue, counter } = await s.registry.lifeOf(signer);
      const t = await at((await now(s.user)) + 10n);
      await expect(as(s.registry, s.alice).drain(signer))
        .to.emit(s.registry, "EnclaveDraining")
        .withArgs(signer, t + DRAIN);
      expect(await s.registry.lifeOf(signer)).to.deep.equal([1n, validFrom, t + DRAIN, heartbeatDue, counter, true]);
      expect(await s.registry.check(signer, 3, IMAGE)).to.deep.equal(before);
      expect(await s.registry.drainSeconds()).to.equal(DRAIN);
      expect(await s.registry.wasActive(signer, validFrom)).to.equal(true);
      expect(await s.registry.wasActive(signer, t + DRAIN - 1n)).to.equal(true);
      expect(await s.registry.wasActive(signer, t + DRAIN)).to.equal(false);
    });

    it("never lengthens an epoch", async () => {
      const s = await loadFixture(stage);
      const signer = signerOf(s.aliceKey);
      const { epochEnd } = await s.registry.lifeOf(signer);
      await time.increaseTo(epochEnd - 100n);
      await expect(as(s.registry, s.alice).drain(signer))
        .to.emit(s.registry, "EnclaveDraining")
        .withArgs(signer, epochEnd);
      expect((await s.registry.lifeOf(signer)).epochEnd).to.equal(epochEnd);
    });

    it("is for operator and poster only", async () => {
      const s = await loadFixture(stage);
      const signer = signerOf(s.aliceKey);
      const bob = await s.bob.getAddress();
      await expect(as(s.registry, s.bob).drain(signer))
        .to.be.revertedWithCustomError(s.registry, "RegistryNotAllowed")
        .withArgs(bob);
      await as(s.registry, s.alice).setPoster(1, bob, true);
      await expect(as(s.registry, s.bob).drain(signer)).to.emit(s.registry, "EnclaveDraining");
    });

    it("happens once: a second one would move the end that was announced", async () => {
      const s = await loadFixture(stage);
      const signer = signerOf(s.aliceKey);
      await as(s.registry, s.alice).drain(signer);
      await time.increase(60);
      await expect(as(s.registry, s.alice).drain(signer))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerDraining")
        .withArgs(signer);
    });

    it("is of active keys inside their epoch", async () => {
      const s = await loadFixture(stage);
      await expect(as(s.registry, s.alice).drain(signerOf(second)))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerNotActive")
        .withArgs(signerOf(second), 0);
      await as(s.registry, s.bob).close(signerOf(s.bobKey));
      await expect(as(s.registry, s.bob).drain(signerOf(s.bobKey)))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerNotActive")
        .withArgs(signerOf(s.bobKey), 2);
      const { epochEnd } = await s.registry.lifeOf(signerOf(s.aliceKey));
      await at(epochEnd);
      await expect(as(s.registry, s.alice).drain(signerOf(s.aliceKey))).to.be.revertedWithCustomError(
        s.registry,
        "RegistryEpochEnded",
      );
    });

    it("is for ever: no renewal takes it back, by whatever document", async () => {
      const s = await loadFixture(stage);
      await as(s.registry, s.alice).drain(signerOf(s.aliceKey));
      const { registration } = await documentFor(s, { key: s.aliceKey });
      await expect(as(s.registry, s.alice).renew(registration))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerDraining")
        .withArgs(signerOf(s.aliceKey));
      await expect(as(s.registry, s.alice).register(registration))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerNotNew")
        .withArgs(signerOf(s.aliceKey));
    });

    it("goes on beating, and can be closed, and the flag survives both", async () => {
      const s = await loadFixture(stage);
      const signer = signerOf(s.aliceKey);
      await as(s.registry, s.alice).drain(signer);
      const { epochEnd } = await s.registry.lifeOf(signer);
      await time.increaseTo(epochEnd - 10n);
      await pulse(s, s.aliceKey);
      expect((await s.registry.lifeOf(signer)).toObject()).to.include({ epochEnd, draining: true });
      expect((await s.registry.check(signer, 1, ZeroHash)).code).to.equal(Code.OK);
      await as(s.registry, s.alice).close(signer);
      expect((await s.registry.lifeOf(signer)).toObject()).to.include({ state: 2n, draining: true });
    });
  });

  describe("rotate", () => {
    it("registers the new key and drains the old one in one transaction, both usable", async () => {
      const s = await loadFixture(stage);
      const [from, to] = [signerOf(s.aliceKey), signerOf(second)];
      const { registration } = await documentFor(s);
      const t = await at((await now(s.user)) + 10n);
      const rotation = as(s.registry, s.alice).rotate(from, registration);
      await expect(rotation).to.emit(s.registry, "EnclaveRotated").withArgs(from, to);
      await expect(rotation).to.emit(s.registry, "EnclaveRegistered");
      await expect(rotation)
        .to.emit(s.registry, "EnclaveDraining")
        .withArgs(from, t + DRAIN);
      expect((await s.registry.lifeOf(from)).toObject()).to.include({ state: 1n, epochEnd: t + DRAIN, draining: true });
      expect((await s.registry.lifeOf(to)).toObject()).to.include({ state: 1n, epochEnd: t + EPOCH, draining: false });
      for (const signer of [from, to])
        expect((await s.registry.check(signer, 3, IMAGE)).slice(0, 2)).to.deep.equal([Code.OK, 1n]);
    });

    it("never ends a key of another operator, even by a poster of both", async () => {
      const s = await loadFixture(stage);
      const { registration } = await documentFor(s);
      await as(s.registry, s.bob).setPoster(2, await s.alice.getAddress(), true);
      await expect(as(s.registry, s.alice).rotate(signerOf(s.bobKey), registration))
        .to.be.revertedWithCustomError(s.registry, "RegistryOperatorMismatch")
        .withArgs(signerOf(s.bobKey), 2, 1);
      expect((await s.registry.lifeOf(signerOf(second))).state).to.equal(0n);
    });

    it("is not done by a stranger who saw the operator's consent in the pool", async () => {
      const s = await loadFixture(stage);
      const { registration, payloadHash } = await documentFor(s);
      const deadline = (await now(s.user)) + 60n;
      const operator = await s.alice.getAddress();
      const consent = await s.alice.signTypedData(s.registryDomain, CONSENT, { payloadHash, operator, deadline });
      const consented = { ...registration, consentDeadline: deadline, consent };
      await expect(as(s.registry, s.stranger).rotate(signerOf(s.aliceKey), consented))
        .to.be.revertedWithCustomError(s.registry, "RegistryNotAllowed")
        .withArgs(await s.stranger.getAddress());
      await as(s.registry, s.alice).setPoster(1, await s.stranger.getAddress(), true);
      await expect(as(s.registry, s.stranger).rotate(signerOf(s.aliceKey), registration)).to.be.revertedWithCustomError(
        s.registry,
        "RegistryConsentExpired",
      );
      await mined(as(s.registry, s.stranger).rotate(signerOf(s.aliceKey), consented));
    });

    it("is from an active key that does not drain yet, to a new one", async () => {
      const s = await loadFixture(stage);
      const { registration } = await documentFor(s);
      const from = signerOf(s.aliceKey);
      await expect(as(s.registry, s.alice).rotate(signerOf(second), registration))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerNotActive")
        .withArgs(signerOf(second), 0);
      const same = await documentFor(s, { key: s.aliceKey });
      await expect(as(s.registry, s.alice).rotate(from, same.registration))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerNotNew")
        .withArgs(from);
      await as(s.registry, s.alice).drain(from);
      await expect(as(s.registry, s.alice).rotate(from, registration))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerDraining")
        .withArgs(from);
      await as(s.registry, s.alice).close(from);
      await expect(as(s.registry, s.alice).rotate(from, registration))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerNotActive")
        .withArgs(from, 2);
    });

    it("does not revive a key whose epoch has ended", async () => {
      const s = await loadFixture(stage);
      const { epochEnd } = await s.registry.lifeOf(signerOf(s.aliceKey));
      await time.increaseTo(epochEnd - 20n);
      const { registration } = await documentFor(s);
      await at(epochEnd);
      await expect(as(s.registry, s.alice).rotate(signerOf(s.aliceKey), registration)).to.be.revertedWithCustomError(
        s.registry,
        "RegistryEpochEnded",
      );
    });
  });
});
