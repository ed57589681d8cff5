import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { AbiCoder, concat, dataSlice, id, keccak256, toBeHex, ZeroAddress, zeroPadBytes } from "ethers";
import hre from "hardhat";
import { MODEL } from "../helpers/job";
import { DEMAND, keyOf } from "../helpers/portable";
import { deploy, fresh, inputOf, type SyncStage, syncStage } from "../helpers/sync";
import { mined, type With } from "../helpers/world";

type Asker = With<"ask" | "fan" | "chain" | "hide" | "swallow" | "quote" | "ofCounter" | "count" | "plain" | "counter">;
interface Scene extends SyncStage {
  readonly asker: Asker;
}
interface Step {
  readonly from: string;
  readonly to: string;
  readonly value: bigint;
  readonly gas: bigint;
  readonly data: string;
}

const HUB_CODE = dataSlice(id("assay/pipe/hub-code"), 12);
const MODES = { record: 0, revert: 1, burn: 2 } as const;
const PLACEHOLDER_OUTPUT = `0x${"0a".repeat(40)}`;
const QUESTION_TYPE =
  "tuple(bool answered, bytes32 key, bytes32 modelHash, tuple(uint8 minTrust, bytes32 profile, bytes32 imageId) terms, bytes input)";
const OUTCOME = "tuple(bool success, uint256 gasUsed, uint256 gasProbed, bytes returned, bytes[] questions)";

async function scene(): Promise<Scene> {
  const s = await syncStage();
  return { ...s, asker: await deploy<Asker>("MockAsker", [s.hub.target, DEMAND]) };
}

/** Where a model's placeholder lies: length, then words. */
function placeholder(modelHash: string, output: string): Record<string, string> {
  const at = BigInt(keccak256(concat([modelHash, id("assay/pipe/placeholder")])));
  const size = (output.length - 2) / 2;
  const slots: Record<string, string> = { [toBeHex(at, 32)]: toBeHex(size, 32) };
  for (let i = 0; i * 32 < size; i += 1) {
    const word = dataSlice(output, i * 32, Math.min(size, i * 32 + 32));
    slots[toBeHex(at + 1n + BigInt(i), 32)] = zeroPadBytes(word, 32);
  }
  return slots;
}

describe("PIPE: PipeRecorder and PipeSender", () => {
  const step = async (s: Scene, method: string, args: readonly unknown[] = [], from?: string): Promise<Step> => ({
    from: from ?? (await s.user.getAddress()),
    to: String(s.asker.target),
    value: 0n,
    gas: 5_000_000n,
    data: s.asker.interface.encodeFunctionData(method, args),
  });

  const simulate = async (
    s: Scene,
    transaction: Step,
    o: { before?: readonly Step[]; mode?: number; slots?: Record<string, string> } = {},
  ) => {
    const runtime = async (name: string) => (await hre.artifacts.readArtifact(name)).deployedBytecode;
    const [recorder, sender] = [await runtime("PipeRecorder"), await runtime("PipeSender")];
    const { abi } = await hre.artifacts.readArtifact("PipeSender");
    const data = new hre.ethers.Interface(abi).encodeFunctionData("simulate", [
      s.hub.target,
      o.before ?? [],
      transaction,
      o.mode ?? MODES.record,
    ]);
    const overrides: Record<string, unknown> = {
      [String(s.hub.target)]: { code: recorder, stateDiff: o.slots ?? placeholder(MODEL, PLACEHOLDER_OUTPUT) },
      [HUB_CODE]: { code: await hre.ethers.provider.getCode(s.hub.target) },
    };
    for (const { from } of [transaction, ...(o.before ?? [])]) overrides[from] = { code: sender };
    const call = { from: transaction.from, to: transaction.from, data, gas: "0xf42400" };
    const raw = (await hre.network.provider.send("eth_call", [call, "latest", overrides])) as string;
    const [outcome] = AbiCoder.defaultAbiCoder().decode([OUTCOME], raw);
    const questions = (outcome.questions as string[]).map(
      (q) => AbiCoder.defaultAbiCoder().decode([QUESTION_TYPE], q)[0],
    );
    return {
      success: outcome.success as boolean,
      returned: outcome.returned as string,
      hides: outcome.gasUsed !== outcome.gasProbed,
      inputs: questions.map((q) => q.input as string),
      answered: questions.map((q) => q.answered as boolean),
      keys: questions.map((q) => q.key as string),
    };
  };

  it("finds independent questions together, each once and in order, and sees the sender", async () => {
    const s = await loadFixture(scene);
    const inputs = [1, 2, 3, 2, 1].map((n) => inputOf(`q${n}`));
    const o = await simulate(s, await step(s, "fan", [MODEL, inputs]));
    expect(o.success).to.equal(true);
    expect(o.inputs).to.deep.equal(inputs.slice(0, 3));
    expect(o.answered).to.deep.equal([false, false, false]);
    expect(o.keys).to.deep.equal(inputs.slice(0, 3).map((input) => keyOf({ input })));
    const returned = (await simulate(s, await step(s, "ask", [MODEL, inputs[0]]))).returned;
    expect(AbiCoder.defaultAbiCoder().decode(["bytes"], returned)[0]).to.equal(PLACEHOLDER_OUTPUT);
  });

  it("answers with the hub's own word where a result is present, and writes that down too", async () => {
    const s = await loadFixture(scene);
    const input = inputOf("there");
    await mined(s.hub.publish([await fresh(s, { input, output: "0x1234" })]));
    const o = await simulate(s, await step(s, "ask", [MODEL, input]));
    expect(AbiCoder.defaultAbiCoder().decode(["bytes"], o.returned)[0]).to.equal("0x1234");
    expect([o.inputs, o.answered, o.hides]).to.deep.equal([[input], [true], false]);
  });

  it("what a placeholder made the contract ask comes after its cause", async () => {
    const s = await loadFixture(scene);
    const input = inputOf("first");
    const o = await simulate(s, await step(s, "chain", [MODEL, input]));
    expect(o.inputs).to.deep.equal([input, PLACEHOLDER_OUTPUT]);
    await mined(s.hub.publish([await fresh(s, { input, output: "0xbeef" })]));
    const next = await simulate(s, await step(s, "chain", [MODEL, input]));
    expect([next.inputs, next.answered]).to.deep.equal([
      [input, "0xbeef"],
      [true, false],
    ]);
  });

  for (const [why, o] of [
    ["of a model without placeholder", { slots: {} }],
    ["in mode REVERT", { mode: MODES.revert }],
  ] as const) {
    it(`reverts as the hub does ${why}`, async () => {
      const s = await loadFixture(scene);
      const outcome = await simulate(s, await step(s, "ask", [MODEL, inputOf("x")]), o);
      expect(outcome.success).to.equal(false);
      const error = s.hub.interface.parseError(outcome.returned);
      expect([error?.name, error?.args.key, error?.args.input]).to.deep.equal([
        "InferenceRequired",
        keyOf({ input: inputOf("x") }),
        inputOf("x"),
      ]);
    });
  }

  it("inside a static call falls back to the revert", async () => {
    const s = await loadFixture(scene);
    const viaProbe: Step = {
      from: await s.user.getAddress(),
      to: String(s.asker.target),
      value: 0n,
      gas: 5_000_000n,
      data: s.asker.interface.encodeFunctionData("quote", [MODEL, inputOf("x")]),
    };
    // A view that is called as a transaction still asks by a static call.
    const outcome = await simulate(s, viaProbe);
    expect(outcome.success).to.equal(false);
    expect(s.hub.interface.parseError(outcome.returned)?.name).to.equal("InferenceRequired");
    await mined(s.hub.publish([await fresh(s, { input: inputOf("x"), output: "0x99" })]));
    expect((await simulate(s, viaProbe)).success).to.equal(true);
  });

  it("a question that a revert took away is seen in the gas of the probe", async () => {
    const s = await loadFixture(scene);
    const o = await simulate(s, await step(s, "swallow", [MODEL, inputOf("x")]));
    expect([o.success, o.inputs, o.hides]).to.deep.equal([true, [], true]);
    const shown = await simulate(s, await step(s, "swallow", [MODEL, inputOf("x")]), { mode: MODES.revert });
    expect(shown.success).to.equal(true);
    expect((await simulate(s, await step(s, "plain"))).hides, "asks nothing").to.equal(false);
    await mined(s.hub.publish([await fresh(s, { input: inputOf("x") })]));
    expect((await simulate(s, await step(s, "swallow", [MODEL, inputOf("x")]))).hides, "answered").to.equal(false);
  });

  it("earlier transactions, of the same and of other senders, run first", async () => {
    const s = await loadFixture(scene);
    const bob = await s.bob.getAddress();
    const before = [
      await step(s, "count"),
      await step(s, "count", [], bob),
      await step(s, "fan", [ZeroAddress.padEnd(66, "0"), []], bob),
    ];
    const o = await simulate(s, await step(s, "ofCounter", [MODEL]), { before });
    expect(o.inputs).to.deep.equal([toBeHex(2, 32)]);
    expect(await s.asker.counter(), "nothing of it stays").to.equal(0n);
  });

  it("gives back what the transaction reverted with, and creates contracts", async () => {
    const s = await loadFixture(scene);
    const own = await simulate(s, { ...(await step(s, "plain")), data: "0xdeadbeef" });
    expect([own.success, own.returned, own.hides]).to.deep.equal([false, "0x", false]);
    const { bytecode } = await hre.artifacts.readArtifact("MockSyncTwin");
    const created = await simulate(s, { ...(await step(s, "plain")), to: ZeroAddress, data: bytecode });
    expect(created.success).to.equal(true);
  });

  it("everything else is the hub's own code, on its own storage", async () => {
    const s = await loadFixture(scene);
    await mined(s.hub.deposit({ value: 5n }));
    const data = s.hub.interface.encodeFunctionData("creditOf", [await s.deployer.getAddress()]);
    const o = await simulate(s, { ...(await step(s, "plain")), to: String(s.hub.target), data });
    expect(BigInt(o.returned)).to.equal(5n);
  });
});
