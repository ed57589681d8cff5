import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { getBytes, hexlify } from "ethers";
import hre from "hardhat";
import type { FilledInference } from "../../../executor/domain/inference";
import { publishGasOf } from "../../../executor/pipe/fees";
import { fresh, hubCall, inputOf, QUESTION, syncStage } from "../helpers/sync";
import { as, mined } from "../helpers/world";

const stage = () => syncStage();
const FEE = 100n;

const filledWith = (output: string): FilledInference => ({ answer: { output: getBytes(output) } }) as FilledInference;

/** Beside the gas tests, because every step of an instrumented run is kept in memory, and these are millions. */
describe("PIPE: many uses", () => {
  it("1,000 uses in one transaction cost the consumer nothing", async () => {
    const s = await loadFixture(stage);
    await mined(s.probe.run([hubCall(s, "deposit", [], 1_000n)]));
    await mined(as(s.hub, s.stranger).publish([await fresh(s, { feeWei: FEE })], { value: FEE }));
    const before = await hre.ethers.provider.getBalance(s.probe.target);
    await mined(as(s.probe, s.stranger).useOften(1_000, ...QUESTION, { gasLimit: 16_000_000 }));
    expect(await hre.ethers.provider.getBalance(s.probe.target)).to.equal(before);
    expect(await s.hub.creditOf(s.probe.target)).to.equal(1_000n);
    expect(await s.hub.operatorCreditOf(1)).to.equal(FEE);
  });

  it("a publication costs about what its sponsors' fees are asked to cover, and never more", async () => {
    const s = await loadFixture(stage);
    const sponsors = await Promise.all([s.user, s.stranger].map((signer) => signer.getAddress()));
    for (const signer of [s.user, s.stranger]) await mined(as(s.hub, signer).grant(1, 10n ** 6n, { value: 10n ** 6n }));
    const publish = async (outputs: readonly string[], round: string): Promise<bigint> => {
      const results = await Promise.all(
        outputs.map((output, i) => fresh(s, { output, feeWei: FEE, input: inputOf(`${round}/${i}`) })),
      );
      const payers = outputs.map((_, i) => sponsors[i % 2]);
      const receipt = await mined(as(s.hub, s.alice).publishFor(results, payers));
      return receipt.gasUsed;
    };
    await publish(["0x01", "0x01"], "first");
    for (const [bytes, count] of [
      [32, 1],
      [60, 1],
      [60, 2],
      [1_000, 1],
      [60, 20],
    ] as const) {
      const outputs = Array.from({ length: count }, () => hexlify(new Uint8Array(bytes).fill(0xab)));
      const [asked, used] = [
        publishGasOf(outputs.map(filledWith)),
        await publish(outputs, `${bytes} bytes, ${count} results`),
      ];
      expect(asked, `${bytes} bytes, ${count} results`).to.be.within(used, (used * 23n) / 20n);
    }
  });
});
