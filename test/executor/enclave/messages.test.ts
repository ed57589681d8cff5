import { expect } from "chai";
import { fromFrame, section, toFrame } from "../../../executor/enclave/image/messages";
import { FrameType, SectionTag } from "../../../executor/protocol/frames";

const json = (type: number, body: unknown, extra: [SectionTag, Uint8Array][] = []) => ({
  type: type as FrameType,
  sections: new Map<SectionTag, Uint8Array>([
    [SectionTag.body, Buffer.from(typeof body === "string" ? body : JSON.stringify(body))],
    ...extra,
  ]),
});
const codeOf = (action: () => unknown): string => {
  try {
    action();
    return "none";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("messages", () => {
  const id = `0x${"ab".repeat(32)}` as never;

  it("keep integers beyond 2^53 exactly", () => {
    const order = { kind: "heartbeat" as const, counter: 2n ** 63n, blockNumber: 2n ** 60n + 1n, blockHash: id };
    const message = fromFrame(toFrame("sign", { call: 1, order }), ["sign"]);
    expect(message.body.order).to.deep.equal(order);
  });

  it("are refused from the wrong side, without or with surplus sections, or with a malformed body", () => {
    const model: [SectionTag, Uint8Array] = [SectionTag.model, Uint8Array.of(1)];
    const cases: [string, () => unknown][] = [
      ["a reply where a question is due", () => fromFrame(json(FrameType.ran, {}), ["run"])],
      ["no model", () => fromFrame(json(FrameType.load, { call: 1, modelHash: id }), ["load"])],
      [
        "a section too many",
        () =>
          fromFrame(json(FrameType.load, { call: 1, modelHash: id }, [model, [SectionTag.input, Uint8Array.of(1)]]), [
            "load",
          ]),
      ],
      ["no JSON", () => fromFrame(json(FrameType.load, "{", [model]), ["load"])],
      [
        "a field too many",
        () => fromFrame(json(FrameType.load, { call: 1, modelHash: id, more: 1 }, [model]), ["load"]),
      ],
      ["a hash too short", () => fromFrame(json(FrameType.load, { call: 1, modelHash: "0xab" }, [model]), ["load"])],
      ["a negative call", () => fromFrame(json(FrameType.load, { call: -1, modelHash: id }, [model]), ["load"])],
      ["no body", () => fromFrame({ type: FrameType.status, sections: new Map() }, ["status"])],
      ["an absent section", () => section({ sections: new Map() }, SectionTag.proof)],
    ];
    for (const [name, action] of cases) expect(codeOf(action), name).to.equal("FRAME_MESSAGE");
    expect(fromFrame(json(FrameType.load, { call: 1, modelHash: id }, [model]), ["load"]).body.call).to.equal(1);
  });
});
