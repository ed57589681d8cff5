import { createPrivateKey } from "node:crypto";
import { p256 } from "@noble/curves/p256";
import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { hexlify, id, keccak256, Wallet } from "ethers";
import hre from "hardhat";
import { AWS_NITRO_ROOT } from "../../../executor/deployment/nitroRoot";
import { bytesToHex, hexToBytes } from "../../../executor/protocol/bytes";
import { signCoseSign1 } from "../../../executor/protocol/cose";
import { encodeNitroPayload } from "../../../executor/protocol/nitroDocument";
import { openChain } from "../../../scripts/bench/chain";
import { PAYLOAD } from "../../../scripts/vectors/attestation";
import { at, Code } from "../helpers/fixture";
import { deploy } from "../helpers/sync";
import {
  as,
  deployWorld,
  ENDPOINT,
  enclaveKey,
  IMAGE_HARDWARE,
  imageIdOf,
  KEY_CONFIG,
  mined,
  now,
  ROOT_HARDWARE,
  registrationOf,
  userDataOf,
  type With,
  type World,
} from "../helpers/world";

/** A development root as somebody may have it on a disk. */
const SCALAR = Buffer.alloc(32, 3);
const POINT = p256.getPublicKey(SCALAR, false).slice(1);
const [X, Y] = [POINT.slice(0, 32), POINT.slice(32)];
const ROOT = keccak256(POINT);
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");
const ROOT_KEY = createPrivateKey({
  format: "jwk",
  key: { kty: "EC", crv: "P-256", d: base64(SCALAR), x: base64(X), y: base64(Y) },
});
const IMAGE = imageIdOf(
  ROOT,
  [0, 1, 2].map((i) => bytesToHex(PAYLOAD.pcrs.get(i) as Uint8Array)),
);
const KEY = enclaveKey("liar");
const SIGNER = new Wallet(KEY).address;

describe("EnclaveRegistry: a software enclave can not lie about being hardware", () => {
  const developmentVerifier = () => deploy<With<"rootId">>("DevelopmentAttestationVerifier", [X, Y]);

  async function stage(hardware: boolean) {
    const [deployer] = await hre.ethers.getSigners();
    if (deployer === undefined) throw new Error("no account");
    const development = await developmentVerifier();
    const world = await deployWorld(hre, deployer, {
      verifiers: [String(development.target)],
      roots: [
        { rootId: ROOT, hardware },
        { rootId: ROOT_HARDWARE, hardware: true },
      ],
      images: [IMAGE, IMAGE_HARDWARE],
    });
    return { ...world, deployer };
  }
  const flagged = () => stage(true);
  const plain = () => stage(false);

  /** A document that the holder of the root's key makes at home. */
  async function registration(
    world: World & { deployer: Parameters<typeof now>[0] & { getAddress(): Promise<string> } },
    claim: { level: number; hardwareRooted: boolean },
    verifierIndex = 0,
  ) {
    const attestedAt = await now(world.deployer);
    const userData = userDataOf(world, { key: KEY, operator: await world.deployer.getAddress(), attestedAt, ...claim });
    const payload = encodeNitroPayload({
      ...PAYLOAD,
      timestampMs: 1_000n * attestedAt,
      publicKey: hexToBytes(KEY.publicKey),
      userData: hexToBytes(userData),
      nonce: new Uint8Array(),
    });
    return {
      verifierIndex,
      document: hexlify(signCoseSign1({ payload, key: ROOT_KEY })),
      aux: "0x",
      endpoint: ENDPOINT,
      keyConfig: KEY_CONFIG,
      consentDeadline: 0n,
      consent: "0x",
    };
  }

  const CLAIMS = [
    { level: 3, hardwareRooted: false },
    { level: 4, hardwareRooted: false },
    { level: 3, hardwareRooted: true },
    { level: 4, hardwareRooted: true },
  ] as const;

  it("registers nobody under a development root that the constructor was told is hardware", async () => {
    const s = await loadFixture(flagged);
    expect((await s.registry.rootOf(ROOT)).hardware).to.equal(true);
    for (const claim of CLAIMS) {
      await expect(as(s.registry, s.deployer).register(await registration(s, claim)))
        .to.be.revertedWithCustomError(s.registry, "RegistryNotHardware")
        .withArgs(0, ROOT);
    }
  });

  it("nor under one that the governor schedules as hardware later", async () => {
    const [deployer] = await hre.ethers.getSigners();
    if (deployer === undefined) throw new Error("no account");
    const development = await developmentVerifier();
    const world = await deployWorld(hre, deployer, { verifiers: [String(development.target)], images: [IMAGE] });
    const s = { ...world, deployer };
    await mined(as(s.registry, deployer).scheduleRoot(ROOT, true));
    await time.increase(100);
    for (const claim of CLAIMS) {
      await expect(as(s.registry, deployer).register(await registration(s, claim)))
        .to.be.revertedWithCustomError(s.registry, "RegistryNotHardware")
        .withArgs(0, ROOT);
    }
  });

  it("gives the level it says under a software root, and never 4", async () => {
    const s = await loadFixture(plain);
    for (const claim of CLAIMS.slice(1)) {
      await expect(as(s.registry, s.deployer).register(await registration(s, claim)))
        .to.be.revertedWithCustomError(s.registry, "RegistryLevelNotAllowed")
        .withArgs(claim.level, claim.hardwareRooted);
    }
    await mined(as(s.registry, s.deployer).register(await registration(s, CLAIMS[0])));
    expect((await s.registry.check(SIGNER, 3, IMAGE)).slice(0, 3)).to.deep.equal([Code.OK, 1n, 3n]);
    expect((await s.registry.check(SIGNER, 4, IMAGE)).code).to.equal(Code.TRUST_TOO_LOW);
  });

  it("reaches no other way to level 4: a renewal and a rotation verify the same", async () => {
    const s = await loadFixture(plain);
    await mined(as(s.registry, s.deployer).register(await registration(s, CLAIMS[0])));
    for (const method of ["renew", "rotate"] as const) {
      const lie = await registration(s, { level: 4, hardwareRooted: true });
      const registry = as(s.registry, s.deployer);
      await expect(
        method === "renew" ? registry.renew(lie) : registry.rotate(SIGNER, lie),
      ).to.be.revertedWithCustomError(s.registry, "RegistryLevelNotAllowed");
    }
  });

  it("keeps what a verifier said when it was scheduled: one that changes its mind vouches for no more", async () => {
    const s = await loadFixture(flagged);
    const fickle = await deploy<With<"setVouchesForHardware">>("MockAttestationVerifier", []);
    await mined(fickle.setVouchesForHardware(false));
    const t = await at((await now(s.deployer)) + 10n);
    await expect(as(s.registry, s.deployer).scheduleVerifier(fickle.target))
      .to.emit(s.registry, "VerifierScheduled")
      .withArgs(1, fickle.target, false, t + 100n);
    await mined(fickle.setVouchesForHardware(true));
    await time.increase(101);
    expect((await s.registry.verifierOf(1)).hardware).to.equal(false);
    const operator = await s.deployer.getAddress();
    const attestedAt = await now(s.deployer);
    const { registration: r } = registrationOf(s, { key: KEY, operator, attestedAt, rootId: ROOT_HARDWARE });
    await expect(as(s.registry, s.deployer).register({ ...r, verifierIndex: 1 }))
      .to.be.revertedWithCustomError(s.registry, "RegistryNotHardware")
      .withArgs(1, ROOT_HARDWARE);
  });

  it("the Nitro verifier vouches for hardware under AWS's root, and under no other", async () => {
    const p384 = await deploy<With<"getAddress">>("P384", []);
    for (const [root, expected] of [
      [AWS_NITRO_ROOT.certificateHash, true],
      [id("a root of our own"), false],
    ] as const) {
      const nitro = await deploy<With<"vouchesForHardware">>("NitroAttestationVerifier", [p384.target, root]);
      expect(await nitro.vouchesForHardware(), root).to.equal(expected);
    }
    expect(await (await developmentVerifier()).getFunction("vouchesForHardware")()).to.equal(false);
  });

  it("outside development chains the development verifier does not come in, under whatever root", async () => {
    const signer = await (await openChain(hre, 1)).getSigner(0);
    const factory = await hre.ethers.getContractFactory("DevelopmentAttestationVerifier", signer);
    const development = await factory.deploy(X, Y);
    await development.waitForDeployment();
    const options = { roots: [{ rootId: ROOT, hardware: true }], images: [], changeDelaySeconds: 7 * 86_400 };
    const failure = async (work: Promise<unknown>): Promise<unknown[]> => {
      const errors = await hre.ethers.getContractFactory("EnclaveRegistry");
      const data = await work.then(
        () => "0x",
        (error: { data?: string }) => error.data ?? "0x",
      );
      const parsed = errors.interface.parseError(data);
      return [parsed?.name, ...(parsed?.args ?? [])];
    };
    const verifiers = [String(development.target)];
    expect(await failure(deployWorld(hre, signer, { ...options, verifiers }))).to.deep.equal([
      "RegistryNotADevelopmentChain",
      1n,
    ]);
    const world = await deployWorld(hre, signer, options);
    expect(await failure(as(world.registry, signer).scheduleVerifier.staticCall(verifiers[0]))).to.deep.equal([
      "RegistryNotADevelopmentChain",
      1n,
    ]);
  });
});
