import { expect } from "chai";
import { fromFrame, toFrame } from "../../../executor/enclave/image/messages";
import { compareMetadata } from "../../../executor/enclave/image/signer/admission";

const declared = { inputs: [], outputs: [{ name: "y", dtype: 1 as const, dims: [null] }] };

/** What the signer says to a runner that sees one output of this dimension, after it went over the socket. */
function saidTo(dim: number): string | undefined {
  const frame = toFrame("runnerLoaded", { inputs: [], outputs: [{ name: "y", type: 1, dims: [dim] }] });
  return compareMetadata(declared, fromFrame(frame, ["runnerLoaded"]).body);
}

describe("the runtime's view of a model", () => {
  it("may know a dimension that the file leaves free, or leave it free too", () => {
    expect([saidTo(-1), saidTo(0), saidTo(7)]).to.deep.equal([undefined, undefined, undefined]);
  });

  it("is the model's fault where it holds a dimension that no tensor has", () => {
    for (const dim of [-2, -(2 ** 63), 2 ** 62, 0.5])
      expect(saidTo(dim), String(dim)).to.equal("outputs[0]: a dimension that no tensor has");
  });
});
