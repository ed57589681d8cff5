import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, ZeroAddress, ZeroHash } from "ethers";
import hre from "hardhat";
import { openChain } from "../../../scripts/bench/chain";
import { at, setStage } from "../helpers/fixture";
import {
  as,
  deployWorld,
  enclaveKey,
  IMAGE,
  imageIdOf,
  now,
  PCRS,
  type RegistryOptions,
  ROOT_HARDWARE,
  ROOT_SOFTWARE,
  registrationOf,
} from "../helpers/world";

const DELAY = 100n;
const GOVERNOR = 0;
const REVOKER = 1;
const WEEK = 7 * 86_400;

describe("EnclaveRegistry governance", () => {
  /** The deployer governs, Bob revokes. */
  const stage = async () => {
    const [, , bob] = await hre.ethers.getSigners();
    return setStage({ revoker: bob?.address ?? "" });
  };

  it("scheduling is the governor's alone, revoking the revoker's and the governor's", async () => {
    const s = await loadFixture(stage);
    for (const sender of [s.bob, s.stranger]) {
      const who = await sender.getAddress();
      for (const call of [
        () => as(s.registry, sender).scheduleImage(id("i")),
        () => as(s.registry, sender).scheduleRoot(id("r"), true),
        () => as(s.registry, sender).scheduleVerifier(s.verifier),
        () => as(s.registry, sender).scheduleRole(GOVERNOR, who),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(s.registry, "RegistryNotAllowed").withArgs(who);
      }
    }
    const who = await s.stranger.getAddress();
    for (const call of [
      () => as(s.registry, s.stranger).revokeImage(IMAGE, 0),
      () => as(s.registry, s.stranger).revokeRoot(ROOT_SOFTWARE),
      () => as(s.registry, s.stranger).revokeVerifier(0),
    ]) {
      await expect(call()).to.be.revertedWithCustomError(s.registry, "RegistryNotAllowed").withArgs(who);
    }
    await as(s.registry, s.bob).revokeRoot(ROOT_HARDWARE);
    await as(s.registry, s.deployer).revokeRoot(ROOT_SOFTWARE);
  });

  it("what was named at construction is live at once", async () => {
    const s = await loadFixture(stage);
    const image = await s.registry.imageOf(IMAGE);
    expect(image.index).to.equal(1n);
    expect(image.activeFrom).to.be.at.most(await now(s.user));
    expect((await s.registry.rootOf(ROOT_HARDWARE)).hardware).to.equal(true);
    expect((await s.registry.rootOf(ROOT_SOFTWARE)).hardware).to.equal(false);
    expect((await s.registry.verifierOf(0)).verifier).to.equal(s.verifier);
    expect(await s.registry.holderOf(GOVERNOR)).to.equal(await s.deployer.getAddress());
    expect(await s.registry.holderOf(REVOKER)).to.equal(await s.bob.getAddress());
    expect(await s.registry.changeDelaySeconds()).to.equal(DELAY);
  });

  it("a later image, root and verifier wait for the timelock, to the second", async () => {
    const s = await loadFixture(stage);
    const root = id("later root");
    const image = imageIdOf(root);
    const t = await at((await now(s.user)) + 10n);
    await expect(as(s.registry, s.deployer).scheduleImage(image))
      .to.emit(s.registry, "ImageScheduled")
      .withArgs(image, t + DELAY);
    await at(t + 5n);
    await expect(as(s.registry, s.deployer).scheduleRoot(root, true))
      .to.emit(s.registry, "RootScheduled")
      .withArgs(root, true, t + 5n + DELAY);
    await at(t + 9n);
    await expect(as(s.registry, s.deployer).scheduleVerifier(s.verifier))
      .to.emit(s.registry, "VerifierScheduled")
      .withArgs(1, s.verifier, true, t + 9n + DELAY);
    const { registration } = registrationOf(s, {
      key: enclaveKey("later"),
      operator: await s.alice.getAddress(),
      attestedAt: t + DELAY,
      rootId: root,
    });
    const register = (verifierIndex: number) => as(s.registry, s.alice).register({ ...registration, verifierIndex });
    // The image is the first to be live; each of the others is then the one that is missing.
    await at(t + 9n + DELAY - 1n);
    await expect(register(1)).to.be.revertedWithCustomError(s.registry, "RegistryVerifierNotActive").withArgs(1);
    await at(t + 9n + DELAY);
    await expect(register(1)).to.emit(s.registry, "EnclaveRegistered");
  });

  it("a root and an image that are not live yet register nobody", async () => {
    const s = await loadFixture(stage);
    const root = id("later root");
    const image = imageIdOf(root);
    await as(s.registry, s.deployer).scheduleRoot(root, true);
    const register = async () =>
      as(s.registry, s.alice).register(
        registrationOf(s, {
          key: enclaveKey("later"),
          operator: await s.alice.getAddress(),
          attestedAt: await now(s.user),
          rootId: root,
        }).registration,
      );
    await expect(register()).to.be.revertedWithCustomError(s.registry, "RegistryRootNotActive").withArgs(root);
    await time.increase(DELAY);
    await as(s.registry, s.deployer).scheduleImage(image);
    await expect(register()).to.be.revertedWithCustomError(s.registry, "RegistryImageNotActive").withArgs(image);
    await time.increase(DELAY);
    await register();
  });

  it("schedules nothing twice, nothing empty, and no verifier without code", async () => {
    const s = await loadFixture(stage);
    const governed = as(s.registry, s.deployer);
    await expect(governed.scheduleImage(IMAGE))
      .to.be.revertedWithCustomError(s.registry, "RegistryAlreadyScheduled")
      .withArgs(IMAGE);
    await expect(governed.scheduleRoot(ROOT_SOFTWARE, true))
      .to.be.revertedWithCustomError(s.registry, "RegistryAlreadyScheduled")
      .withArgs(ROOT_SOFTWARE);
    await expect(governed.scheduleImage(ZeroHash)).to.be.revertedWithCustomError(s.registry, "RegistryZero");
    await expect(governed.scheduleRoot(ZeroHash, true)).to.be.revertedWithCustomError(s.registry, "RegistryZero");
    await expect(governed.scheduleVerifier(await s.user.getAddress()))
      .to.be.revertedWithCustomError(s.registry, "RegistryNotAContract")
      .withArgs(await s.user.getAddress());
  });

  it("has room for 256 verifiers", async () => {
    const s = await loadFixture(stage);
    for (let i = 1; i < 256; i += 1) await as(s.registry, s.deployer).scheduleVerifier(s.verifier);
    expect((await s.registry.verifierOf(255)).verifier).to.equal(s.verifier);
    await expect(as(s.registry, s.deployer).scheduleVerifier(s.verifier)).to.be.revertedWithCustomError(
      s.registry,
      "RegistryTooManyVerifiers",
    );
  });

  describe("revocation", () => {
    it("of an image is at once, once, for ever, and not dated ahead", async () => {
      const s = await loadFixture(stage);
      const t = await at((await now(s.user)) + 10n);
      await expect(as(s.registry, s.bob).revokeImage(IMAGE, t + 1n))
        .to.be.revertedWithCustomError(s.registry, "RegistryCompromisedInFuture")
        .withArgs(t + 1n, t);
      await at(t);
      await expect(as(s.registry, s.bob).revokeImage(IMAGE, t)).to.emit(s.registry, "ImageRevoked").withArgs(IMAGE, t);
      expect((await s.registry.imageOf(IMAGE)).slice(2)).to.deep.equal([t, t]);
      for (const imageId of [IMAGE, id("unknown")]) {
        await expect(as(s.registry, s.bob).revokeImage(imageId, 0))
          .to.be.revertedWithCustomError(s.registry, "RegistryNotRevocable")
          .withArgs(imageId);
      }
      await expect(as(s.registry, s.deployer).scheduleImage(IMAGE)).to.be.revertedWithCustomError(
        s.registry,
        "RegistryAlreadyScheduled",
      );
    });

    it("stops an image that only waits", async () => {
      const s = await loadFixture(stage);
      const image = imageIdOf(ROOT_SOFTWARE, [PCRS[0] ?? "", PCRS[0] ?? "", PCRS[0] ?? ""]);
      await as(s.registry, s.deployer).scheduleImage(image);
      await as(s.registry, s.bob).revokeImage(image, 0);
      await time.increase(DELAY * 2n);
      const { registration } = registrationOf(s, {
        key: enclaveKey("waiting"),
        operator: await s.alice.getAddress(),
        attestedAt: await now(s.user),
        pcrs: [PCRS[0] ?? "", PCRS[0] ?? "", PCRS[0] ?? ""],
      });
      await expect(as(s.registry, s.alice).register(registration))
        .to.be.revertedWithCustomError(s.registry, "RegistryImageNotActive")
        .withArgs(image);
    });

    it("of a root or verifier stops registrations at once", async () => {
      const s = await loadFixture(stage);
      const register = async () =>
        as(s.registry, s.alice).register(
          registrationOf(s, {
            key: enclaveKey("late"),
            operator: await s.alice.getAddress(),
            attestedAt: await now(s.user),
          }).registration,
        );
      await expect(as(s.registry, s.bob).revokeRoot(ROOT_SOFTWARE))
        .to.emit(s.registry, "RootRevoked")
        .withArgs(ROOT_SOFTWARE);
      expect((await s.registry.rootOf(ROOT_SOFTWARE)).revoked).to.equal(true);
      await expect(register()).to.be.revertedWithCustomError(s.registry, "RegistryRootNotActive");
      await expect(as(s.registry, s.bob).revokeVerifier(0)).to.emit(s.registry, "VerifierRevoked").withArgs(0);
      expect((await s.registry.verifierOf(0)).revoked).to.equal(true);
      await expect(register()).to.be.revertedWithCustomError(s.registry, "RegistryVerifierNotActive").withArgs(0);
      for (const rootId of [ROOT_SOFTWARE, id("unknown")]) {
        await expect(as(s.registry, s.bob).revokeRoot(rootId))
          .to.be.revertedWithCustomError(s.registry, "RegistryNotRevocable")
          .withArgs(rootId);
      }
      for (const index of [0, 9]) {
        await expect(as(s.registry, s.bob).revokeVerifier(index)).to.be.revertedWithCustomError(
          s.registry,
          "RegistryNotRevocable",
        );
      }
    });
  });

  describe("roles", () => {
    it("go over after the delay, when the new holder takes them", async () => {
      const s = await loadFixture(stage);
      const next = await s.stranger.getAddress();
      for (const role of [GOVERNOR, REVOKER]) {
        const t = await at((await now(s.user)) + 10n);
        await expect(as(s.registry, s.deployer).scheduleRole(role, next))
          .to.emit(s.registry, "RoleScheduled")
          .withArgs(role, next, t + DELAY);
        await expect(as(s.registry, s.user).acceptRole(role))
          .to.be.revertedWithCustomError(s.registry, "RegistryNotAllowed")
          .withArgs(await s.user.getAddress());
        await at(t + DELAY - 1n);
        await expect(as(s.registry, s.stranger).acceptRole(role))
          .to.be.revertedWithCustomError(s.registry, "RegistryTooEarly")
          .withArgs(t + DELAY, t + DELAY - 1n);
        await at(t + DELAY);
        await expect(as(s.registry, s.stranger).acceptRole(role))
          .to.emit(s.registry, "RoleAccepted")
          .withArgs(role, next);
        expect(await s.registry.holderOf(role)).to.equal(next);
        await expect(as(s.registry, s.stranger).acceptRole(role)).to.be.revertedWithCustomError(
          s.registry,
          "RegistryNotAllowed",
        );
        if (role === GOVERNOR) {
          await expect(as(s.registry, s.deployer).scheduleImage(id("i"))).to.be.revertedWithCustomError(
            s.registry,
            "RegistryNotAllowed",
          );
          await as(s.registry, s.stranger).scheduleRole(GOVERNOR, await s.deployer.getAddress());
          await time.increase(DELAY);
          await as(s.registry, s.deployer).acceptRole(GOVERNOR);
        }
      }
    });

    it("an offer can be taken back by another one", async () => {
      const s = await loadFixture(stage);
      await as(s.registry, s.deployer).scheduleRole(GOVERNOR, await s.stranger.getAddress());
      await as(s.registry, s.deployer).scheduleRole(GOVERNOR, await s.deployer.getAddress());
      await time.increase(DELAY);
      await expect(as(s.registry, s.stranger).acceptRole(GOVERNOR)).to.be.revertedWithCustomError(
        s.registry,
        "RegistryNotAllowed",
      );
    });
  });

  describe("construction", () => {
    const built = (options: RegistryOptions) => async () => {
      const [deployer] = await hre.ethers.getSigners();
      if (!deployer) throw new Error("no account");
      return deployWorld(hre, deployer, options);
    };

    async function refused(options: RegistryOptions) {
      const errors = await hre.ethers.getContractAt("IEnclaveRegistryErrors", ZeroAddress);
      return { promise: built(options)(), errors };
    }

    it("bounds epoch and heartbeat", async () => {
      for (const [options, values] of [
        [{ epochSeconds: 0 }, [0, 86_400]],
        [{ epochSeconds: 86_401 }, [86_401, 86_400]],
        [{ heartbeatSeconds: 0 }, [0, 86_400]],
        [{ epochSeconds: 100, heartbeatSeconds: 101 }, [101, 100]],
      ] as const) {
        const { promise, errors } = await refused(options);
        const name =
          "epochSeconds" in options && !("heartbeatSeconds" in options) ? "epochSeconds" : "heartbeatSeconds";
        await expect(promise)
          .to.be.revertedWithCustomError(errors, "RegistryConfigInvalid")
          .withArgs(hre.ethers.encodeBytes32String(name), ...values);
      }
      const world = await built({ epochSeconds: 100, heartbeatSeconds: 100 })();
      expect([await world.registry.epochSeconds(), await world.registry.heartbeatSeconds()]).to.deep.equal([
        100n,
        100n,
      ]);
    });

    it("demands hub, governor and revoker", async () => {
      for (const options of [{ hub: ZeroAddress }, { governor: ZeroAddress }, { revoker: ZeroAddress }]) {
        const { promise, errors } = await refused(options);
        await expect(promise).to.be.revertedWithCustomError(errors, "RegistryZero");
      }
    });

    it("takes no root, image or verifier twice, empty or without code", async () => {
      const root = { rootId: ROOT_HARDWARE, hardware: true };
      for (const [options, error] of [
        [{ roots: [root, root] }, "RegistryAlreadyScheduled"],
        [{ images: [IMAGE, IMAGE] }, "RegistryAlreadyScheduled"],
        [{ roots: [{ rootId: ZeroHash, hardware: true }] }, "RegistryZero"],
        [{ images: [ZeroHash] }, "RegistryZero"],
        [{ verifiers: [`0x${"11".repeat(20)}`] }, "RegistryNotAContract"],
      ] as const) {
        const { promise, errors } = await refused(options);
        await expect(promise).to.be.revertedWithCustomError(errors, error);
      }
    });
  });

  describe("outside development chains", () => {
    const HARDWARE_ONLY: RegistryOptions = {
      roots: [{ rootId: ROOT_HARDWARE, hardware: true }],
      changeDelaySeconds: WEEK,
    };

    async function onChainOne(options: RegistryOptions) {
      const signer = await (await openChain(hre, 1)).getSigner(0);
      return { signer, world: await deployWorld(hre, signer, { ...HARDWARE_ONLY, ...options }) };
    }

    /** The name of the error a deployment on chain 1 fails with, and its arguments. */
    async function failure(options: RegistryOptions) {
      const errors = await hre.ethers.getContractAt("IEnclaveRegistryErrors", ZeroAddress);
      const data = await onChainOne(options).then(
        () => "0x",
        (error: { data?: string }) => error.data ?? "0x",
      );
      const parsed = errors.interface.parseError(data);
      return [parsed?.name, ...(parsed?.args ?? [])];
    }

    it("refuses a development root, at construction and later", async () => {
      const roots = [{ rootId: ROOT_SOFTWARE, hardware: false }];
      expect(await failure({ roots })).to.deep.equal(["RegistryNotADevelopmentChain", 1n]);
      const { world, signer } = await onChainOne({});
      const error = await as(world.registry, signer)
        .scheduleRoot.staticCall(id("r"), false)
        .then(
          () => undefined,
          (e: { data?: string }) => world.registry.interface.parseError(e.data ?? "0x")?.name,
        );
      expect(error).to.equal("RegistryNotADevelopmentChain");
    });

    it("refuses the development level", async () => {
      expect(await failure({ developmentLevelAllowed: true })).to.deep.equal(["RegistryNotADevelopmentChain", 1n]);
    });

    it("refuses a timelock below 7 days, and takes 7 days", async () => {
      expect(await failure({ changeDelaySeconds: WEEK - 1 })).to.deep.equal([
        "RegistryConfigInvalid",
        hre.ethers.encodeBytes32String("changeDelaySeconds"),
        BigInt(WEEK - 1),
        BigInt(WEEK),
      ]);
      const { world } = await onChainOne({});
      expect(await world.registry.changeDelaySeconds()).to.equal(BigInt(WEEK));
      expect(await world.registry.developmentLevelAllowed()).to.equal(false);
    });
  });
});
