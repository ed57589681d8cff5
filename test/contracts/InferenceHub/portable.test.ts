import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { SigningKey } from "ethers";
import { ethers } from "hardhat";
import { address, type HexBytes, hex32, ZERO_32, ZERO_ADDRESS } from "../../../executor/domain/ids";
import type { FilledInference } from "../../../executor/domain/inference";
import type { IntentFields } from "../../../executor/domain/pipe";
import { hexToBytes } from "../../../executor/protocol/bytes";
import { intentDigest } from "../../../executor/protocol/intent";
import * as portable from "../../../executor/protocol/portable";
import { domainSeparator } from "../../../executor/protocol/statement";
import { setStage } from "../helpers/fixture";
import { now, PROFILE } from "../helpers/world";

const TERMS = { minTrust: 3, profile: hex32(PROFILE), imageId: ZERO_32 };
const MODEL = hex32(`0x${"41".repeat(32)}`);

async function fixture() {
  const stage = await setStage();
  const hubAddress = address(await stage.hub.getAddress());
  const hub = await ethers.getContractAt("InferenceHub", hubAddress, stage.alice);
  const domain = domainSeparator({ name: "Assay", chainId: stage.chainId, contract: hubAddress });
  const issuedAt = Number(await now(stage.deployer));
  const filled = (n: number, key = stage.aliceKey): FilledInference => {
    const inference = portable.inferenceOf(MODEL, Uint8Array.of(n), TERMS);
    const unsigned = {
      modelHash: MODEL,
      inputHash: inference.inputHash,
      signer: address(new ethers.Wallet(key).address),
      trust: 3,
      imageId: ZERO_32,
      runtimeProfile: TERMS.profile,
      feeWei: 0n,
      issuedAt,
      expiresAt: issuedAt + 600,
      output: new Uint8Array(40).fill(n),
      proof: new Uint8Array(),
    };
    const digest = portable.portableDigest(domain, unsigned);
    return { inference, answer: { ...unsigned, proof: hexToBytes(key.sign(digest).compactSerialized) } };
  };
  return { ...stage, sync: hub, filled };
}

describe("portable results as TypeScript writes them", () => {
  it("are taken by provide, and one that is there already is told", async () => {
    const { alice, hub, filled } = await loadFixture(fixture);
    const data = portable.encodeProvide([filled(1), filled(2), filled(1)]);
    expect(BigInt(await alice.call({ to: hub.target, data }))).to.equal(4n);
  });

  it("are published, and found under the key that TypeScript makes", async () => {
    const { alice, hub, sync, filled } = await loadFixture(fixture);
    const results = [filled(1), filled(2)];
    await alice.sendTransaction({ to: hub.target, data: portable.encodePublishFor(results, []) });
    for (const { inference, answer } of results) {
      expect(await sync.getFunction("isPresent")(inference.key, TERMS)).to.equal(true);
      const [present, output] = await sync.getFunction("peek")(MODEL, inference.input, TERMS);
      expect([present, output]).to.deep.equal([true, ethers.hexlify(answer.output)]);
    }
  });

  it("are refused where a stranger signed", async () => {
    const { alice, hub, sync, filled } = await loadFixture(fixture);
    const forged = filled(1, new SigningKey(ethers.id("a stranger")));
    await expect(
      alice.sendTransaction({ to: hub.target, data: portable.encodeProvide([forged]) }),
    ).to.be.revertedWithCustomError(sync, "HubResultRejected");
  });

  it("are asked for by a revert that TypeScript reads", async () => {
    const { alice, hub, sync } = await loadFixture(fixture);
    const data = sync.interface.encodeFunctionData("infer", [MODEL, "0x0102", TERMS]);
    const revert = await alice.call({ to: hub.target, data }).then(
      () => "0x",
      (error: { data: string }) => error.data,
    );
    expect(portable.decodeInferenceRequired(revert as HexBytes)).to.deep.equal(
      portable.inferenceOf(MODEL, Uint8Array.of(1, 2), TERMS),
    );
  });
});

describe("intents as TypeScript hashes them", () => {
  it("have the digest of the forwarder", async () => {
    const { hub, chainId } = await loadFixture(fixture);
    const forwarder = await ethers.deployContract("IntentForwarder", [hub.target]);
    const intent: IntentFields = {
      from: address(`0x${"01".repeat(20)}`),
      target: address(`0x${"02".repeat(20)}`),
      value: 3n,
      data: "0x1234",
      nonce: 2n ** 256n - 1n,
      deadline: 2n ** 64n - 1n,
      maxResultFeeWei: 2n ** 96n - 1n,
      relayFeeWei: 5n,
      maxFailureFeeWei: 6n,
      gas: 2 ** 32 - 1,
      relayer: ZERO_ADDRESS,
    };
    const place = { chainId, forwarder: address(await forwarder.getAddress()) };
    expect(await forwarder.getFunction("digestOf")(intent)).to.equal(intentDigest(place, intent));
  });
});
