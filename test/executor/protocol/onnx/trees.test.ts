import { expect } from "chai";
import { loadRuntime, openSession } from "../../../../scripts/models/golden";
import { attribute, ElementType, floatTensor, tensor } from "../../../../scripts/models/onnx/writer";
import { deepTree } from "../../../fixtures/hostileParts";
import { admitCode, smallModel } from "./smallModel";

interface Links {
  readonly yes: readonly number[];
  readonly no: readonly number[];
  readonly yesLeaf: readonly number[];
  readonly noLeaf: readonly number[];
  readonly roots?: readonly number[];
  readonly leaves?: number;
}

/** A `TreeEnsemble` of ai.onnx.ml 5, whose links are positions in its lists. */
function positional({ yes, no, yesLeaf, noLeaf, roots = [0], leaves = yes.length + 1 }: Links): Uint8Array {
  const zeros = yes.map(() => 0);
  const attributes = [
    attribute.integer("n_targets", 1),
    attribute.integers("tree_roots", roots),
    attribute.integers("nodes_featureids", zeros),
    attribute.tensor(
      "nodes_modes",
      tensor({ dtype: ElementType.uint8, dims: [yes.length], raw: Uint8Array.from(zeros) }),
    ),
    attribute.tensor("nodes_splits", floatTensor("", [yes.length], zeros)),
    attribute.integers("nodes_truenodeids", yes),
    attribute.integers("nodes_trueleafs", yesLeaf),
    attribute.integers("nodes_falsenodeids", no),
    attribute.integers("nodes_falseleafs", noLeaf),
    attribute.integers("leaf_targetids", new Array<number>(leaves).fill(0)),
    attribute.tensor("leaf_weights", floatTensor("", [leaves], new Float32Array(leaves))),
  ];
  const dims = ["N", 1];
  return smallModel(
    {
      nodes: [{ opType: "TreeEnsemble", inputs: ["x"], outputs: ["y"], attributes, domain: "ai.onnx.ml" }],
      inputs: [{ name: "x", dtype: ElementType.float, dims }],
      outputs: [{ name: "y", dtype: ElementType.float, dims }],
    },
    { "": 17, "ai.onnx.ml": 5 },
  );
}

/** Two levels: node 0 leads to node 1 and leaf 0, node 1 to leaves 1 and 2. */
const TWO_LEVELS: Links = { yes: [1, 1], no: [0, 2], yesLeaf: [0, 1], noLeaf: [1, 1] };

/** Each node leads to the next; the last to two leaves. */
function chain(depth: number): Uint8Array {
  const at = Array.from({ length: depth }, (_, i) => i);
  const isLast = at.map((i) => (i === depth - 1 ? 1 : 0));
  return positional({ yes: at.map((i) => i + 1), no: at, yesLeaf: isLast, noLeaf: at.map(() => 1) });
}

describe("protocol/onnx: trees by position", () => {
  const cases: readonly [what: string, links: Links, code: string][] = [
    ["a tree of two levels", TWO_LEVELS, "admitted"],
    ["a cycle", { ...TWO_LEVELS, yes: [1, 0], yesLeaf: [0, 0] }, "ONNX_TREE_MALFORMED"],
    ["two parents of one node", { ...TWO_LEVELS, no: [1, 2], noLeaf: [0, 1] }, "ONNX_TREE_MALFORMED"],
    ["a node that does not exist", { ...TWO_LEVELS, yes: [2, 1] }, "ONNX_TREE_MALFORMED"],
    ["a leaf that does not exist", { ...TWO_LEVELS, no: [0, 3] }, "ONNX_TREE_MALFORMED"],
    ["a negative position", { ...TWO_LEVELS, no: [-1, 2] }, "ONNX_TREE_MALFORMED"],
    ["lists of different lengths", { ...TWO_LEVELS, noLeaf: [1] }, "ONNX_TREE_MALFORMED"],
    ["a root that does not exist", { ...TWO_LEVELS, roots: [2] }, "ONNX_TREE_MALFORMED"],
  ];
  for (const [what, links, code] of cases) {
    it(`says ${code} to ${what}`, () => expect(admitCode(positional(links))).to.equal(code));
  }

  it("limits their depth", () => {
    expect(admitCode(chain(1001))).to.equal("admitted");
    expect(admitCode(chain(1002))).to.equal("ONNX_TREE_TOO_DEEP");
  });

  it("builds trees that onnxruntime loads, so that the cases above are about trees", async () => {
    const runtime = await loadRuntime();
    for (const bytes of [positional(TWO_LEVELS), chain(50), deepTree(50)])
      await (await openSession(runtime, bytes)).release();
  });
});
