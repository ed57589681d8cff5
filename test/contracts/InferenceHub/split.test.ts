import { expect } from "chai";
import { TypedDataEncoder } from "ethers";
import hre from "hardhat";
import { openChain } from "../../../scripts/bench/chain";
import { REWARD, Status } from "../helpers/fixture";
import { args, INPUT, Job, MODEL } from "../helpers/job";
import { hubDomain } from "../helpers/statements";
import { encodeTerms } from "../helpers/terms";
import { as, deployWorld, enclaveKey, mined, now, ROOT_HARDWARE, registrationOf } from "../helpers/world";

describe("InferenceHub on the other side of a chain split", () => {
  /** A chain where a hub stands whose code, immutables included, was born on chain 1. */
  async function split() {
    const provider = await openChain(hre);
    const elsewhere = await (await openChain(hre, 1)).getSigner(0);
    const [deployer, operator] = [await provider.getSigner(0), await provider.getSigner(1)];
    const world = await deployWorld(hre, deployer);
    const born = await deployWorld(hre, elsewhere, {
      roots: [{ rootId: ROOT_HARDWARE, hardware: true }],
      changeDelaySeconds: 7 * 86_400,
    });
    // The same account deployed first on both chains, so all addresses are the same, as after a split.
    expect(born.hub.target).to.equal(world.hub.target);
    await provider.send("hardhat_setCode", [born.hub.target, await elsewhere.provider.getCode(born.hub.target)]);
    const key = enclaveKey("split");
    const document = { key, operator: await operator.getAddress(), attestedAt: await now(deployer) };
    await mined(as(world.registry, operator).register(registrationOf(world, document).registration));
    return { provider, world, hub: as(world.hub, deployer), user: deployer, key, bornDomain: born.domain };
  }

  it("keeps the ids, so that escrow can be refunded, and voids signatures of the old side", async () => {
    const { provider, world, hub, user, key, bornDomain } = await split();
    const here = hubDomain(world.chainId, String(hub.target));
    expect(await hub.domainSeparator()).to.equal(TypedDataEncoder.hashDomain(here));
    const deadline = (await now(user)) + 600n;
    const job = new Job(bornDomain, {
      requester: await user.getAddress(),
      terms: encodeTerms({ deadline }),
      rewardWei: REWARD,
    });
    await mined(hub.request(MODEL, INPUT, job.data.terms, job.data.salt, { value: REWARD }));
    expect((await hub.statusOf(job.requestId)).status).to.equal(Status.Open);
    // Signed under the domain of birth: a statement of the other side.
    const error = await hub.fulfill.staticCall(...args(job.result(key, await now(user)))).then(
      () => undefined,
      (e: { data?: string }) => hub.interface.parseError(e.data ?? "0x")?.name,
    );
    expect(error).to.equal("HubSignerNotUsable");
    await provider.send("evm_setNextBlockTimestamp", [Number(deadline + 1n)]);
    await mined(hub.refund(job.data));
    expect((await hub.statusOf(job.requestId)).status).to.equal(Status.Refunded);
  });
});
