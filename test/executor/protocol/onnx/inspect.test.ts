import { createHash } from "node:crypto";
import { expect } from "chai";
import { sha256FromCid } from "../../../../executor/protocol/cid";
import { inspectModel } from "../../../../executor/protocol/onnx/inspect";
import { readOnnx } from "../../../../scripts/models/committed";
import { attribute, floatTensor } from "../../../../scripts/models/onnx/writer";
import { RELU_GRAPH, smallModel, X, Y } from "./smallModel";

describe("protocol/onnx: inspect", () => {
  it("describes a committed model", () => {
    const bytes = readOnnx("digits");
    const { content, verdict, modelHash, cid, bytes: size } = inspectModel(bytes);
    expect(size).to.equal(bytes.length);
    expect(modelHash).to.equal(`0x${createHash("sha256").update(bytes).digest("hex")}`);
    expect(sha256FromCid(cid)).to.equal(modelHash);
    expect(verdict.admitted).to.equal(true);
    expect(content?.opsets).to.deep.equal([{ domain: "", version: 17 }]);
    expect(content?.operators[0]).to.deep.equal({ name: "Gemm", count: 3 });
    expect(content?.nodeCount).to.equal(10);
    expect(content?.initialisers.find(({ name }) => name === "weights_0")).to.deep.equal({
      name: "weights_0",
      dtype: 1,
      dims: [96, 64],
      bytes: 96 * 64 * 4,
    });
  });

  it("says what a refused model holds and why it is refused", () => {
    const nodes = [{ opType: "Odd", inputs: ["x"], outputs: ["y"], domain: "evil" }];
    const { content, verdict } = inspectModel(smallModel({ nodes, initialisers: [floatTensor("w", [2], [1, 2])] }));
    expect(content?.operators).to.deep.equal([{ name: "evil.Odd", count: 1 }]);
    expect(verdict.admitted ? "" : verdict.reason.code).to.equal("ONNX_DOMAIN");
  });

  it("counts the nodes and levels of subgraphs", () => {
    const branch = {
      ...RELU_GRAPH,
      inputs: [],
      nodes: [{ opType: "Relu", inputs: ["x"], outputs: ["inner"] }],
      outputs: [{ ...Y, name: "inner" }],
    };
    const attributes = [attribute.graph("then_branch", branch), attribute.graph("else_branch", branch)];
    const nodes = [{ opType: "If", inputs: ["condition"], outputs: ["y"], attributes }];
    const { content } = inspectModel(smallModel({ nodes, inputs: [X, { name: "condition", dtype: 9, dims: [] }] }));
    expect(content?.nodeCount).to.equal(3);
    expect(content?.subgraphDepth).to.equal(1);
  });

  it("has no content where the bytes can not be read", () => {
    expect(inspectModel(Uint8Array.of(1, 2, 3)).content).to.equal(undefined);
  });
});
