import { expect } from "chai";
import fc from "fast-check";
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  FrameError,
  FrameReader,
  FrameType,
  frameParts,
  MAX_FRAME_BYTES,
  SectionTag,
} from "../../../executor/protocol/frames";

const FRAME: Frame = {
  type: FrameType.run,
  sections: new Map([
    [SectionTag.body, Buffer.from("{}")],
    [SectionTag.input, Buffer.from([1, 2, 3])],
  ]),
};
const frames = fc
  .record({
    type: fc.constantFrom(...Object.values(FrameType)),
    sections: fc.dictionary(
      fc.constantFrom(...Object.values(SectionTag).map(String)),
      fc.uint8Array({ maxLength: 200 }),
      { maxKeys: 6 },
    ),
  })
  .map(
    ({ type, sections }): Frame => ({
      type,
      sections: new Map(Object.entries(sections).map(([tag, bytes]) => [Number(tag) as SectionTag, bytes])),
    }),
  );

function plain({ type, sections }: Frame): unknown {
  return {
    type,
    sections: [...sections].sort(([a], [b]) => a - b).map(([tag, bytes]) => [tag, Buffer.from(bytes).toString("hex")]),
  };
}
function codeOf(action: () => unknown): string {
  try {
    action();
    return "none";
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    return error.code;
  }
}
/** The frame without its length, changed. */
function bent(change: (body: Buffer) => Buffer | undefined): Uint8Array {
  const body = Buffer.from(encodeFrame(FRAME)).subarray(4);
  return change(body) ?? body;
}

describe("frames", () => {
  it("come out as they went in, however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(frames, { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 50 }),
        (list, cuts) => {
          const stream = Buffer.concat(list.map(encodeFrame));
          const reader = new FrameReader();
          const seen: Frame[] = [];
          for (let offset = 0, i = 0; offset < stream.length; i++) {
            const size = cuts[i % cuts.length] as number;
            seen.push(...reader.push(stream.subarray(offset, offset + size)));
            offset += size;
          }
          expect(seen.map(plain)).to.deep.equal(list.map(plain));
        },
      ),
      { seed: 1 },
    );
  });

  it("have one encoding: sections ascend whatever order they are given in", () => {
    const turned: Frame = { type: FRAME.type, sections: new Map([...FRAME.sections].reverse()) };
    expect(encodeFrame(turned)).to.deep.equal(encodeFrame(FRAME));
  });

  it("hand a large section through without a copy", () => {
    const model = new Uint8Array(1 << 20);
    const parts = frameParts({ type: FrameType.load, sections: new Map([[SectionTag.model, model]]) });
    expect(parts.some((part) => part === model)).to.equal(true);
    const encoded = encodeFrame({ type: FrameType.load, sections: new Map([[SectionTag.model, model]]) });
    const [frame] = new FrameReader().push(encoded);
    expect(frame?.sections.get(SectionTag.model)?.buffer).to.equal(encoded.buffer);
  });

  it("are refused by what they break", () => {
    const cases: [string, Uint8Array][] = [
      ["FRAME_LENGTH", new Uint8Array(7)],
      ["FRAME_VERSION_UNKNOWN", bent((b) => void b.writeUInt8(2, 0))],
      ["FRAME_TYPE_UNKNOWN", bent((b) => void b.writeUInt8(0x77, 1))],
      ["FRAME_TYPE_UNKNOWN", bent((b) => void b.writeUInt8(0x30, 1))],
      ["FRAME_FLAGS", bent((b) => void b.writeUInt16BE(1, 2))],
      ["FRAME_SECTION_COUNT", bent((b) => void b.writeUInt32BE(17, 4))],
      ["FRAME_SECTION_LENGTH", bent((b) => void b.writeUInt32BE(3, 4))],
      ["FRAME_LENGTH", bent((b) => void b.writeUInt32BE(1, 4))],
      ["FRAME_SECTION_TAG", bent((b) => void b.writeUInt16BE(0x7f, 8))],
      ["FRAME_SECTION_TAG", bent((b) => void b.writeUInt16BE(1, 10))],
      ["FRAME_SECTION_LENGTH", bent((b) => void b.writeUInt32BE(0xffffffff, 12))],
      ["FRAME_LENGTH", bent((b) => Buffer.concat([b, Uint8Array.of(0)]))],
      ["FRAME_SECTION_LENGTH", bent((b) => b.subarray(0, b.length - 1))],
    ];
    expect(cases.map(([, bytes]) => codeOf(() => decodeFrame(bytes)))).to.deep.equal(cases.map(([code]) => code));
    const twice = Buffer.concat([
      bent((b) => void b.writeUInt32BE(3, 4)),
      Buffer.from(encodeFrame(FRAME)).subarray(12 + 10),
    ]);
    expect(codeOf(() => decodeFrame(twice))).to.equal("FRAME_SECTION_TAG");
  });

  it("announce a length within bounds, checked before anything is allocated", () => {
    for (const length of [0, 7, MAX_FRAME_BYTES + 1, 0xffffffff]) {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(length);
      expect(
        codeOf(() => new FrameReader().push(head)),
        String(length),
      ).to.equal("FRAME_LENGTH");
    }
    const small = new FrameReader(100);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(101);
    expect(codeOf(() => small.push(head))).to.equal("FRAME_LENGTH");
  });

  it("never fail by anything but a typed error, whatever is sent", () => {
    const encoded = encodeFrame(FRAME);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(encoded.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (edits) => {
          const bytes = Uint8Array.from(encoded);
          for (const [at, value] of edits) bytes[at] = value;
          codeOf(() => new FrameReader().push(bytes));
        },
      ),
      { seed: 2, numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void codeOf(() => decodeFrame(bytes))),
      { seed: 3, numRuns: 2_000 },
    );
  });
});
