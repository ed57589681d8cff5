import { expect } from "chai";
import { keccak256 } from "ethers";
import { address, type HexBytes } from "../../../executor/domain/ids";
import { HUB_CODE_ADDRESS, publishedSlots, simulationOverrides } from "../../../executor/pipe/overrides";
import { placeholderOf } from "../../../executor/pipe/placeholder";
import { revertContext } from "../../../executor/pipe/reverts";
import { decodeTensorSet } from "../../../executor/protocol/tensorSet";
import { answerTo, filled, HUB, h, question, SIGNER } from "./fakes";

const slotOf = (key: string, offset = 0n): string => {
  const at = BigInt(keccak256(`${key}${h("assay/published/1").slice(2)}`)) + offset;
  return `0x${(at & (2n ** 256n - 1n)).toString(16).padStart(64, "0")}`;
};

describe("overrides of a simulation", () => {
  it("lay a result where the hub looks for it: signer, expiry and length in one word, then the output", () => {
    const inference = question("a");
    const output = Uint8Array.from({ length: 40 }, (_, i) => i + 1);
    const slots = publishedSlots([{ inference, answer: answerTo(inference, { output, expiresAt: 0x1234 }) }]);
    expect(Object.keys(slots)).to.deep.equal([0n, 1n, 2n].map((offset) => slotOf(inference.key, offset)));
    const [head, first, second] = Object.values(slots);
    expect(head).to.equal(`${SIGNER}0000001234${(40).toString(16).padStart(14, "0")}`);
    expect(first).to.equal(`0x${Buffer.from(output.subarray(0, 32)).toString("hex")}`);
    expect(second).to.equal(`0x${Buffer.from(output.subarray(32)).toString("hex").padEnd(64, "0")}`);
  });

  it("lay down nothing but a head for an empty output", () => {
    expect(Object.keys(publishedSlots([filled("a", { output: new Uint8Array(0) })]))).to.have.length(1);
  });

  it("put the recorder in the hub's place, the hub's code aside, and a stand-in at everybody who acts", () => {
    const sender = address(`0x${"12".repeat(20)}`);
    const overrides = simulationOverrides({
      hub: HUB,
      hubCode: "0x60",
      senders: [sender],
      results: [filled("a")],
      placeholders: new Map([[h("model/a"), new Uint8Array(33)]]),
    });
    expect(Object.keys(overrides)).to.have.members([HUB, HUB_CODE_ADDRESS, sender]);
    expect(overrides[HUB_CODE_ADDRESS]).to.deep.equal({ code: "0x60" });
    // Two words of a result with 32 bytes; the length and two words of a placeholder with 33.
    expect(Object.keys(overrides[HUB]?.stateDiff ?? {})).to.have.length(2 + 3);
    expect(overrides[HUB]?.code).to.not.equal(overrides[sender]?.code);
  });
});

describe("placeholders", () => {
  const signature = (dims: (number | undefined)[], dtype: number) =>
    ({ inputs: [], outputs: [{ name: "y", dtype, dims }] }) as unknown as Parameters<typeof placeholderOf>[0];

  it("have the declared form, free dimensions as one, and numbers that are all alike", () => {
    for (const fill of [0, 1] as const) {
      const encoded = placeholderOf(signature([undefined, 3], 1), fill);
      const [output] = decodeTensorSet(encoded ?? new Uint8Array());
      expect(output?.name).to.equal("y");
      expect(output?.tensor.dims.map(Number)).to.deep.equal([1, 3]);
    }
    expect(placeholderOf(signature([2], 1), 0)).to.not.deep.equal(placeholderOf(signature([2], 1), 1));
  });

  it("are not made where they would be large", () => {
    expect(placeholderOf(signature([4_097], 1), 0)).to.equal(undefined);
    expect(placeholderOf(signature([64, 64], 1), 0)).to.not.equal(undefined);
  });
});

describe("reverts in words", () => {
  const panic = `0x4e487b71${"11".padStart(64, "0")}`;
  const text = `0x08c379a0${"20".padStart(64, "0")}${"02".padStart(64, "0")}${"6f6b".padEnd(64, "0")}`;
  const cases: readonly [string, string][] = [
    ["0x", "reverted without a reason"],
    [text, "ok"],
    [panic, "Panic(17)"],
    ["0xabcdef01", "reverted with the custom error 0xabcdef01"],
    ["0x08c379a0ff", "reverted with the custom error 0x08c379a0"],
    ["0xab", "reverted with the custom error 0xab"],
  ];
  for (const [data, reason] of cases)
    it(`reads ${data.slice(0, 12)}`, () => expect(revertContext(data as HexBytes)).to.deep.equal({ data, reason }));
});
