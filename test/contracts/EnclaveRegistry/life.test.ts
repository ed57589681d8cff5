import { loadFixture, mine, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, type SigningKey, TypedDataEncoder, Wallet, ZeroAddress, ZeroHash } from "ethers";
import hre from "hardhat";
import { at, Code, type Stage, setStage } from "../helpers/fixture";
import { CONSENT, HEARTBEAT, sign } from "../helpers/statements";
import {
  as,
  type DocumentOptions,
  enclaveKey,
  IMAGE,
  IMAGE_HARDWARE,
  imageIdOf,
  now,
  PCRS,
  ROOT_SOFTWARE,
  registrationOf,
} from "../helpers/world";

const EPOCH = 86_400n;
const HEARTBEAT_SECONDS = 3_600n;

describe("EnclaveRegistry: the life of a key", () => {
  const stage = () => setStage();

  const signerOf = (key: SigningKey) => new Wallet(key).address;
  const codeOf = async (s: Stage, key: SigningKey) => (await s.registry.check(signerOf(key), 1, ZeroHash)).code;

  async function renewal(s: Stage, change: Partial<DocumentOptions> = {}) {
    return registrationOf(s, {
      key: s.aliceKey,
      operator: await s.alice.getAddress(),
      attestedAt: await now(s.user),
      serial: "renewal",
      ...change,
    });
  }

  async function beat(s: Stage, counter: bigint, change: { key?: SigningKey; signer?: string; back?: number } = {}) {
    const block = await hre.ethers.provider.getBlock((await hre.ethers.provider.getBlockNumber()) - (change.back ?? 0));
    const signer = change.signer ?? signerOf(s.aliceKey);
    const blockNumber = block?.number ?? 0;
    const value = { signer, counter, blockNumber, blockHash: block?.hash };
    return [signer, counter, blockNumber, sign(change.key ?? s.aliceKey, s.registryDomain, HEARTBEAT, value)] as const;
  }

  describe("check", () => {
    it("knows no key that was never registered", async () => {
      const s = await loadFixture(stage);
      expect(await s.registry.check(ZeroAddress, 0, ZeroHash)).to.deep.equal([Code.SIGNER_UNKNOWN, 0n, 0n, 0n]);
      expect(await s.registry.checkFor(ZeroAddress, 0, ZeroHash, ZeroAddress)).to.deep.equal([
        Code.SIGNER_UNKNOWN,
        0n,
        false,
      ]);
    });

    it("ends with the heartbeat and with the epoch, to the second", async () => {
      const s = await loadFixture(stage);
      const { heartbeatDue, epochEnd } = await s.registry.lifeOf(signerOf(s.bobKey));
      await time.increaseTo(heartbeatDue - 1n);
      expect(await codeOf(s, s.bobKey)).to.equal(Code.OK);
      await time.increaseTo(heartbeatDue);
      expect(await codeOf(s, s.bobKey)).to.equal(Code.HEARTBEAT_OVERDUE);
      await time.increaseTo(epochEnd - 1n);
      await as(s.registry, s.stranger).heartbeat(...(await beat(s, 1n, { key: s.bobKey, signer: signerOf(s.bobKey) })));
      await time.increaseTo(epochEnd);
      expect(await codeOf(s, s.bobKey)).to.equal(Code.EPOCH_ENDED);
    });

    it("answers operator, trust and image of a key in any state, and who may act for it", async () => {
      const s = await loadFixture(stage);
      await as(s.registry, s.bob).close(signerOf(s.bobKey));
      expect(await s.registry.check(signerOf(s.bobKey), 1, ZeroHash)).to.deep.equal([Code.SIGNER_CLOSED, 2n, 3n, 1n]);
      const bob = await s.bob.getAddress();
      expect(await s.registry.checkFor(signerOf(s.bobKey), 1, ZeroHash, bob)).to.deep.equal([
        Code.SIGNER_CLOSED,
        2n,
        true,
      ]);
      expect(await s.registry.checkFor(signerOf(s.aliceKey), 1, IMAGE, bob)).to.deep.equal([Code.OK, 1n, false]);
    });

    it("compares trust and image", async () => {
      const s = await loadFixture(stage);
      const signer = signerOf(s.aliceKey);
      expect((await s.registry.check(signer, 3, IMAGE)).code).to.equal(Code.OK);
      expect((await s.registry.check(signer, 4, IMAGE)).code).to.equal(Code.TRUST_TOO_LOW);
      expect((await s.registry.check(signer, 3, IMAGE_HARDWARE)).code).to.equal(Code.IMAGE_MISMATCH);
      expect((await s.registry.check(signer, 3, id("never scheduled"))).code).to.equal(Code.IMAGE_MISMATCH);
    });

    it("revoking the image kills every key of it in the same block, and no other", async () => {
      const s = await loadFixture(stage);
      await as(s.registry, s.deployer).revokeImage(IMAGE, 5);
      expect(await codeOf(s, s.aliceKey)).to.equal(Code.IMAGE_REVOKED);
      expect(await codeOf(s, s.bobKey)).to.equal(Code.IMAGE_REVOKED);
    });
  });

  describe("heartbeat", () => {
    it("extends the due time, by anyone, and says so", async () => {
      const s = await loadFixture(stage);
      const t = await at((await now(s.user)) + 100n);
      const values = await beat(s, 5n);
      await expect(as(s.registry, s.stranger).heartbeat(...values))
        .to.emit(s.registry, "HeartbeatReceived")
        .withArgs(signerOf(s.aliceKey), 5, t + HEARTBEAT_SECONDS);
      const life = await s.registry.lifeOf(signerOf(s.aliceKey));
      expect([life.heartbeatDue, life.counter]).to.deep.equal([t + HEARTBEAT_SECONDS, 5n]);
    });

    it("revives a key that was overdue, inside its epoch", async () => {
      const s = await loadFixture(stage);
      await time.increase(HEARTBEAT_SECONDS + 5n);
      expect(await codeOf(s, s.aliceKey)).to.equal(Code.HEARTBEAT_OVERDUE);
      await as(s.registry, s.stranger).heartbeat(...(await beat(s, 1n)));
      expect(await codeOf(s, s.aliceKey)).to.equal(Code.OK);
    });

    it("has a counter that grows strictly and stays below 2^56", async () => {
      const s = await loadFixture(stage);
      await as(s.registry, s.alice).heartbeat(...(await beat(s, 5n)));
      for (const counter of [0n, 4n, 5n, 1n << 56n, (1n << 64n) - 1n]) {
        await expect(as(s.registry, s.alice).heartbeat(...(await beat(s, counter))))
          .to.be.revertedWithCustomError(s.registry, "RegistryCounterInvalid")
          .withArgs(5, counter);
      }
      await as(s.registry, s.alice).heartbeat(...(await beat(s, (1n << 56n) - 1n)));
      const life = await s.registry.lifeOf(signerOf(s.aliceKey));
      expect([life.state, life.counter]).to.deep.equal([1n, (1n << 56n) - 1n]);
    });

    it("can not be stockpiled: the block is one of the last 256", async () => {
      const s = await loadFixture(stage);
      const stale = await beat(s, 9n);
      await mine(257);
      const current = (await hre.ethers.provider.getBlockNumber()) + 1;
      await expect(as(s.registry, s.alice).heartbeat(...stale))
        .to.be.revertedWithCustomError(s.registry, "RegistryBlockTooOld")
        .withArgs(stale[2], current);
      await expect(
        as(s.registry, s.alice).heartbeat(stale[0], stale[1], current + 5, stale[3]),
      ).to.be.revertedWithCustomError(s.registry, "RegistryBlockTooOld");
      await as(s.registry, s.alice).heartbeat(...(await beat(s, 9n, { back: 250 })));
    });

    it("is signed by the key itself, under the registry's domain", async () => {
      const s = await loadFixture(stage);
      const [signer, counter, block, signature] = await beat(s, 1n);
      const foreign = await beat(s, 1n, { key: s.bobKey });
      await expect(as(s.registry, s.alice).heartbeat(...foreign))
        .to.be.revertedWithCustomError(s.registry, "RegistryBadSignature")
        .withArgs(signer, signerOf(s.bobKey));
      await expect(as(s.registry, s.alice).heartbeat(signer, counter, block, "0x"))
        .to.be.revertedWithCustomError(s.registry, "RegistryBadSignature")
        .withArgs(signer, ZeroAddress);
      for (const changed of [
        [signer, counter + 1n, block, signature],
        [signer, counter, block - 1, signature],
      ] as const) {
        await expect(as(s.registry, s.alice).heartbeat(...changed)).to.be.revertedWithCustomError(
          s.registry,
          "RegistryBadSignature",
        );
      }
      const hash = (await hre.ethers.provider.getBlock(block))?.hash;
      const value = { signer, counter, blockNumber: block, blockHash: hash };
      const wrongDomain = sign(s.aliceKey, s.domain, HEARTBEAT, value);
      await expect(
        as(s.registry, s.alice).heartbeat(signer, counter, block, wrongDomain),
      ).to.be.revertedWithCustomError(s.registry, "RegistryBadSignature");
      expect(await s.registry.domainSeparator()).to.equal(TypedDataEncoder.hashDomain(s.registryDomain));
    });

    it("does nothing for a key that is unknown, closed or past its epoch", async () => {
      const s = await loadFixture(stage);
      const unknown = enclaveKey("unknown");
      await expect(
        as(s.registry, s.alice).heartbeat(...(await beat(s, 1n, { key: unknown, signer: signerOf(unknown) }))),
      )
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerNotActive")
        .withArgs(signerOf(unknown), 0);
      await as(s.registry, s.alice).close(signerOf(s.aliceKey));
      await expect(as(s.registry, s.alice).heartbeat(...(await beat(s, 1n))))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerNotActive")
        .withArgs(signerOf(s.aliceKey), 2);
      const { epochEnd } = await s.registry.lifeOf(signerOf(s.bobKey));
      const late = await beat(s, 1n, { key: s.bobKey, signer: signerOf(s.bobKey) });
      await at(epochEnd);
      await expect(as(s.registry, s.alice).heartbeat(...late))
        .to.be.revertedWithCustomError(s.registry, "RegistryEpochEnded")
        .withArgs(signerOf(s.bobKey), epochEnd, epochEnd);
    });
  });

  describe("renew", () => {
    it("extends epoch and heartbeat, keeps id, start, counter and payout", async () => {
      const s = await loadFixture(stage);
      const signer = signerOf(s.aliceKey);
      await as(s.registry, s.alice).heartbeat(...(await beat(s, 5n)));
      const payout = Wallet.createRandom().address;
      await as(s.registry, s.alice).setPayout(1, payout);
      const { validFrom } = await s.registry.lifeOf(signer);
      await time.increase(3_000);
      const { registration } = await renewal(s);
      const t = await at((await now(s.user)) + 10n);
      await expect(as(s.registry, s.alice).renew(registration))
        .to.emit(s.registry, "EnclaveRenewed")
        .withArgs(signer, t + EPOCH);
      expect(await s.registry.lifeOf(signer)).to.deep.equal([
        1n,
        validFrom,
        t + EPOCH,
        t + HEARTBEAT_SECONDS,
        5n,
        false,
      ]);
      expect((await s.registry.check(signer, 3, IMAGE)).operatorId).to.equal(1n);
      expect(await s.registry.payoutOf(1)).to.equal(payout);
    });

    it("demands the same operator, level, payout and image", async () => {
      const s = await loadFixture(stage);
      const [a = "", b = ""] = PCRS;
      const sibling = imageIdOf(ROOT_SOFTWARE, [a, b, b]);
      await as(s.registry, s.deployer).scheduleImage(sibling);
      await time.increase(200);
      for (const [change, sender] of [
        [{ operator: await s.bob.getAddress() }, s.bob],
        [{ level: 2 }, s.alice],
        [{ payout: await s.stranger.getAddress() }, s.alice],
        [{ pcrs: [a, b, b] }, s.alice],
      ] as const) {
        const { registration } = await renewal(s, change);
        await expect(as(s.registry, sender).renew(registration))
          .to.be.revertedWithCustomError(s.registry, "RegistryRenewalMismatch")
          .withArgs(signerOf(s.aliceKey));
      }
    });

    it("does not revive a key that is unknown, closed or past its epoch", async () => {
      const s = await loadFixture(stage);
      const unknown = enclaveKey("unknown");
      await expect(as(s.registry, s.alice).renew((await renewal(s, { key: unknown })).registration))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerNotActive")
        .withArgs(signerOf(unknown), 0);
      const { epochEnd } = await s.registry.lifeOf(signerOf(s.aliceKey));
      await time.increaseTo(epochEnd - 20n);
      const { registration } = await renewal(s);
      await at(epochEnd);
      await expect(as(s.registry, s.alice).renew(registration))
        .to.be.revertedWithCustomError(s.registry, "RegistryEpochEnded")
        .withArgs(signerOf(s.aliceKey), epochEnd, epochEnd);
    });

    it("is done by the operator, a poster, or with the operator's signature", async () => {
      const s = await loadFixture(stage);
      const { registration, payloadHash } = await renewal(s);
      await expect(as(s.registry, s.stranger).renew(registration)).to.be.revertedWithCustomError(
        s.registry,
        "RegistryConsentExpired",
      );
      await as(s.registry, s.alice).setPoster(1, await s.stranger.getAddress(), true);
      await as(s.registry, s.stranger).renew(registration);
      const next = await renewal(s, { serial: "next" });
      const deadline = (await now(s.user)) + 60n;
      const operator = await s.alice.getAddress();
      const value = { payloadHash: next.payloadHash, operator, deadline };
      const consent = await s.alice.signTypedData(s.registryDomain, CONSENT, value);
      await as(s.registry, s.bob).renew({ ...next.registration, consentDeadline: deadline, consent });
      expect(payloadHash).to.not.equal(next.payloadHash);
    });
  });

  describe("close", () => {
    it("is for ever, by operator or poster only", async () => {
      const s = await loadFixture(stage);
      const signer = signerOf(s.aliceKey);
      await expect(as(s.registry, s.bob).close(signer))
        .to.be.revertedWithCustomError(s.registry, "RegistryNotAllowed")
        .withArgs(await s.bob.getAddress());
      await as(s.registry, s.alice).setPoster(1, await s.bob.getAddress(), true);
      await expect(as(s.registry, s.bob).close(signer)).to.emit(s.registry, "EnclaveClosed").withArgs(signer);
      expect(await codeOf(s, s.aliceKey)).to.equal(Code.SIGNER_CLOSED);
      await expect(as(s.registry, s.alice).close(signer))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerNotActive")
        .withArgs(signer, 2);
      await expect(as(s.registry, s.alice).renew((await renewal(s)).registration))
        .to.be.revertedWithCustomError(s.registry, "RegistrySignerNotActive")
        .withArgs(signer, 2);
    });

    it("does not lengthen an epoch that has ended", async () => {
      const s = await loadFixture(stage);
      const { epochEnd } = await s.registry.lifeOf(signerOf(s.aliceKey));
      await time.increaseTo(epochEnd + 1000n);
      await as(s.registry, s.alice).close(signerOf(s.aliceKey));
      expect((await s.registry.lifeOf(signerOf(s.aliceKey))).epochEnd).to.equal(epochEnd);
    });
  });

  describe("wasActive", () => {
    it("is the epoch, whatever heartbeats did, and for ever", async () => {
      const s = await loadFixture(stage);
      const signer = signerOf(s.aliceKey);
      const { validFrom, epochEnd } = await s.registry.lifeOf(signer);
      await time.increase(400_000);
      for (const [seconds, expected] of [
        [0n, false],
        [validFrom - 1n, false],
        [validFrom, true],
        [epochEnd - 1n, true],
        [epochEnd, false],
      ] as const) {
        expect(await s.registry.wasActive(signer, seconds), String(seconds - validFrom)).to.equal(expected);
      }
      expect(await s.registry.wasActive(ZeroAddress, validFrom)).to.equal(false);
    });

    it("includes the block of closing and nothing after it", async () => {
      const s = await loadFixture(stage);
      const signer = signerOf(s.aliceKey);
      const t = await at((await now(s.user)) + 100n);
      await as(s.registry, s.alice).close(signer);
      expect(await s.registry.wasActive(signer, t)).to.equal(true);
      expect(await s.registry.wasActive(signer, t + 1n)).to.equal(false);
    });

    it("ends where the image was compromised", async () => {
      const s = await loadFixture(stage);
      const signer = signerOf(s.aliceKey);
      const t = await now(s.user);
      await time.increase(100);
      await as(s.registry, s.deployer).revokeImage(IMAGE, t + 50n);
      expect(await s.registry.wasActive(signer, t + 49n)).to.equal(true);
      expect(await s.registry.wasActive(signer, t + 50n)).to.equal(false);
    });
  });

  describe("operators", () => {
    it("change their payout and posters themselves", async () => {
      const s = await loadFixture(stage);
      const other = await s.stranger.getAddress();
      await expect(as(s.registry, s.alice).setPayout(1, other)).to.emit(s.registry, "PayoutSet").withArgs(1, other);
      await expect(as(s.registry, s.alice).setPoster(1, other, true))
        .to.emit(s.registry, "PosterSet")
        .withArgs(1, other, true);
      expect(await s.registry.mayActFor(1, other)).to.equal(true);
      expect(await s.registry.mayActFor(2, other)).to.equal(false);
      await as(s.registry, s.alice).setPoster(1, other, false);
      expect(await s.registry.mayActFor(1, other)).to.equal(false);
      await expect(as(s.registry, s.alice).setPayout(1, ZeroAddress)).to.be.revertedWithCustomError(
        s.registry,
        "RegistryZero",
      );
      for (const forbidden of [
        () => as(s.registry, s.bob).setPayout(1, other),
        () => as(s.registry, s.bob).setPoster(1, other, true),
        () => as(s.registry, s.bob).setPoster(99, other, true),
      ]) {
        await expect(forbidden())
          .to.be.revertedWithCustomError(s.registry, "RegistryNotAllowed")
          .withArgs(await s.bob.getAddress());
      }
    });

    it("nobody acts for an operator that does not exist", async () => {
      const s = await loadFixture(stage);
      expect(await s.registry.mayActFor(99, ZeroAddress)).to.equal(false);
      expect(await s.registry.payoutOf(99)).to.equal(ZeroAddress);
    });
  });
});
