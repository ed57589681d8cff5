import { expect } from "chai";
import { type AdmissionVerdict, admit } from "../../../../executor/protocol/onnx/admission";
import { DEFAULT_LIMITS } from "../../../../executor/protocol/onnx/limits";
import { ONNX_REFUSALS } from "../../../../executor/protocol/onnx/refusal";
import { decodeTensorSignature, encodeTensorSignature } from "../../../../executor/protocol/tensorSignature";
import { bytesField, integerField, message, packedField, textField } from "../../../../scripts/models/onnx/protobuf";
import {
  attribute,
  floatTensor,
  type GraphSpec,
  int64Tensor,
  model,
  tensor,
} from "../../../../scripts/models/onnx/writer";
import { deepTree } from "../../../fixtures/hostileParts";
import { admitCode, codeOf, RELU, RELU_GRAPH, smallModel, withGraphFields, X, Y } from "./smallModel";

function signatureOf(verdict: AdmissionVerdict) {
  if (!verdict.ok) throw new Error(verdict.reason.code);
  return verdict.signature;
}

const identity = (dtype: number, dims?: readonly (number | string | null)[]): Uint8Array => {
  const value = dims === undefined ? { dtype } : { dtype, dims };
  return smallModel({
    nodes: [{ opType: "Identity", inputs: ["x"], outputs: ["y"] }],
    inputs: [{ name: "x", ...value }],
    outputs: [{ name: "y", ...value }],
  });
};

const add = (weight: Uint8Array): Uint8Array =>
  smallModel({ nodes: [{ opType: "Add", inputs: ["x", "w"], outputs: ["y"] }], initialisers: [weight] });

describe("protocol/onnx: admission", () => {
  it("gives the signature in declared order with free dimensions as null", () => {
    const inputs = [
      { name: "b", dtype: 1, dims: ["N", 3, null] },
      { name: "a", dtype: 7, dims: [] },
    ];
    const nodes = [
      { opType: "Identity", inputs: ["a"], outputs: ["z"] },
      { opType: "Identity", inputs: ["b"], outputs: ["q"] },
    ];
    const outputs = [
      { name: "z", dtype: 7, dims: [] },
      { name: "q", dtype: 1, dims: [-1, 3, 0] },
    ];
    const signature = signatureOf(admit(smallModel({ nodes, inputs, outputs })));
    expect(signature).to.deep.equal({
      inputs: [
        { name: "b", dtype: 1, dims: [null, 3, null] },
        { name: "a", dtype: 7, dims: [] },
      ],
      outputs: [
        { name: "z", dtype: 7, dims: [] },
        { name: "q", dtype: 1, dims: [null, 3, 0] },
      ],
    });
    expect(decodeTensorSignature(encodeTensorSignature(signature))).to.deep.equal(signature);
  });

  it("does not ask for initialisers that old files list as inputs", () => {
    const bytes = smallModel({
      nodes: [{ opType: "Add", inputs: ["x", "w"], outputs: ["y"] }],
      inputs: [X, { name: "w", dtype: 1, dims: [1] }],
      initialisers: [floatTensor("w", [1], [1])],
    });
    expect(signatureOf(admit(bytes)).inputs.map(({ name }) => name)).to.deep.equal(["x"]);
  });

  it("carries exactly the element types 1 to 13", () => {
    const admitted = Array.from({ length: 28 }, (_, dtype) => dtype).filter(
      (dtype) => admitCode(identity(dtype, [1])) === "admitted",
    );
    expect(admitted).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  });

  it("tells a scalar from an unknown rank", () => {
    expect(admitCode(identity(1, []))).to.equal("admitted");
    expect(admitCode(identity(1))).to.equal("ONNX_SIGNATURE_RANK_UNKNOWN");
  });

  const shapes: readonly [dims: readonly (number | null)[], code: string][] = [
    [new Array<number>(8).fill(1), "admitted"],
    [new Array<number>(9).fill(1), "ONNX_SIGNATURE_RANK"],
    [[4096, 4096], "admitted"],
    [[4096, 4097], "ONNX_SIGNATURE_TOO_LARGE"],
    [[0, 2 ** 32], "ONNX_SIGNATURE_TOO_LARGE"],
    [[null, 0], "admitted"],
  ];
  for (const [dims, code] of shapes)
    it(`says ${code} to ${JSON.stringify(dims)}`, () => expect(admitCode(identity(1, dims))).to.equal(code));

  it("refuses names that a tensor set or onnxruntime-node can not carry", () => {
    const named = (name: string): string =>
      admitCode(smallModel({ nodes: [{ ...RELU, inputs: [name] }], inputs: [{ ...X, name }] }));
    expect(named("é".repeat(127))).to.equal("admitted");
    expect(named("é".repeat(128))).to.equal("ONNX_SIGNATURE_NAME");
    expect(named("a\0b")).to.equal("ONNX_SIGNATURE_NAME");
  });

  it("knows no sequences, maps and optionals at the border", () => {
    for (const kind of [4, 5, 7, 9]) {
      const value = message(textField(1, "s"), bytesField(2, bytesField(kind, new Uint8Array(0))));
      expect(admitCode(withGraphFields(bytesField(11, value))), `kind ${kind}`).to.equal("ONNX_SIGNATURE_KIND");
    }
    const sparse = message(textField(1, "s"), bytesField(2, bytesField(8, new Uint8Array(0))));
    expect(admitCode(withGraphFields(bytesField(11, sparse)))).to.equal("ONNX_SPARSE_TENSOR");
  });

  const graphs: readonly [what: string, change: Partial<GraphSpec>, code: string][] = [
    ["no outputs", { outputs: [] }, "ONNX_SIGNATURE_COUNT"],
    [
      "256 inputs",
      { inputs: [X, ...Array.from({ length: 255 }, (_, i) => ({ ...X, name: `x${i}` }))] },
      "ONNX_SIGNATURE_COUNT",
    ],
    ["two inputs of one name", { inputs: [X, X] }, "ONNX_NAME_REPEATED"],
    ["two outputs of one name", { outputs: [Y, Y] }, "ONNX_NAME_REPEATED"],
    ["a value with two sources", { nodes: [RELU, RELU] }, "ONNX_NAME_REPEATED"],
    [
      "a node that overwrites an input",
      { nodes: [RELU, { opType: "Relu", inputs: ["y"], outputs: ["x"] }] },
      "ONNX_NAME_REPEATED",
    ],
    [
      "two initialisers of one name",
      { initialisers: [floatTensor("w", [1], [1]), floatTensor("w", [1], [2])] },
      "ONNX_NAME_REPEATED",
    ],
    ["an input from nowhere", { nodes: [{ ...RELU, inputs: ["nowhere"] }] }, "ONNX_NAME_UNDEFINED"],
    ["an output from nowhere", { outputs: [Y, { ...Y, name: "nowhere" }] }, "ONNX_NAME_UNDEFINED"],
    [
      "a node that waits for itself",
      { nodes: [{ opType: "Add", inputs: ["x", "y"], outputs: ["y"] }] },
      "ONNX_GRAPH_CYCLE",
    ],
    [
      "an attribute given twice",
      { nodes: [{ ...RELU, attributes: [attribute.integer("a", 1), attribute.integer("a", 2)] }] },
      "ONNX_NAME_REPEATED",
    ],
    [
      "a reference outside a function",
      { nodes: [{ ...RELU, attributes: [message(textField(1, "a"), integerField(20, 2), textField(21, "b"))] }] },
      "ONNX_ATTRIBUTE_REFERENCE",
    ],
    [
      "an attribute with two values",
      {
        nodes: [
          {
            ...RELU,
            attributes: [message(textField(1, "a"), integerField(3, 1), textField(4, "b"), integerField(20, 2))],
          },
        ],
      },
      "ONNX_ATTRIBUTE_TYPE",
    ],
    [
      "an attribute without a type",
      { nodes: [{ ...RELU, attributes: [message(textField(1, "a"), integerField(3, 1))] }] },
      "ONNX_ATTRIBUTE_TYPE",
    ],
    [
      "an int 0 that proto3 left out",
      { nodes: [{ ...RELU, attributes: [message(textField(1, "a"), integerField(20, 2))] }] },
      "admitted",
    ],
    [
      "a sparse attribute",
      {
        nodes: [
          {
            ...RELU,
            attributes: [message(textField(1, "a"), bytesField(22, new Uint8Array(0)), integerField(20, 11))],
          },
        ],
      },
      "ONNX_SPARSE_TENSOR",
    ],
    [
      "nodes in any order, as onnxruntime takes them",
      {
        nodes: [
          { opType: "Relu", inputs: ["v"], outputs: ["y"] },
          { opType: "Relu", inputs: ["x"], outputs: ["v"] },
        ],
      },
      "admitted",
    ],
  ];
  for (const [what, change, code] of graphs)
    it(`says ${code} to ${what}`, () => expect(admitCode(smallModel(change))).to.equal(code));

  const weights: readonly [what: string, weight: Uint8Array, code: string][] = [
    ["raw data of the announced size", floatTensor("w", [2, 2], [1, 2, 3, 4]), "admitted"],
    [
      "raw data that is too long",
      tensor({ name: "w", dtype: 1, dims: [1], raw: new Uint8Array(8) }),
      "ONNX_TENSOR_SIZE",
    ],
    ["an odd number of int4 values", tensor({ name: "w", dtype: 22, dims: [3], raw: new Uint8Array(2) }), "admitted"],
    [
      "floats in their own list",
      message(packedField(1, [2]), integerField(2, 1), bytesField(4, new Uint8Array(8)), textField(8, "w")),
      "admitted",
    ],
    [
      "floats in the list of another type",
      message(packedField(1, [1]), integerField(2, 1), packedField(5, [1]), textField(8, "w")),
      "ONNX_TENSOR_SIZE",
    ],
    [
      "raw and typed data at once",
      message(
        packedField(1, [1]),
        integerField(2, 1),
        bytesField(4, new Uint8Array(4)),
        textField(8, "w"),
        bytesField(9, new Uint8Array(4)),
      ),
      "ONNX_TENSOR_SIZE",
    ],
    ["strings as raw data", tensor({ name: "w", dtype: 8, dims: [1], raw: new Uint8Array(1) }), "ONNX_TENSOR_SIZE"],
    ["an undefined type", tensor({ name: "w", dtype: 0, dims: [0], raw: new Uint8Array(0) }), "ONNX_TENSOR_TYPE"],
    [
      "a type that ONNX does not know",
      tensor({ name: "w", dtype: 99, dims: [0], raw: new Uint8Array(0) }),
      "ONNX_TENSOR_TYPE",
    ],
    [
      "segments",
      message(packedField(1, [0]), integerField(2, 1), bytesField(3, new Uint8Array(0)), textField(8, "w")),
      "ONNX_TENSOR_SEGMENT",
    ],
    [
      "a location that does not exist yet",
      message(packedField(1, [0]), integerField(2, 1), textField(8, "w"), integerField(14, 2)),
      "ONNX_EXTERNAL_DATA",
    ],
  ];
  for (const [what, weight, code] of weights)
    it(`says ${code} to ${what}`, () => expect(admitCode(add(weight))).to.equal(code));

  it("admits Dropout where it can not be in training mode", () => {
    const dropout = (opset: number, inputs: readonly string[], initialisers: readonly Uint8Array[] = []): string =>
      admitCode(smallModel({ nodes: [{ opType: "Dropout", inputs, outputs: ["y"] }], initialisers }, { "": opset }));
    const no = tensor({ name: "t", dtype: 9, dims: [], raw: Uint8Array.of(0) });
    const typedNo = message(integerField(2, 9), packedField(5, [0]), textField(8, "t"));
    expect(dropout(17, ["x"])).to.equal("admitted");
    expect(dropout(17, ["x", "", "t"], [no])).to.equal("admitted");
    expect(dropout(17, ["x", "", "t"], [typedNo])).to.equal("admitted");
    expect(dropout(6, ["x"])).to.equal("ONNX_OPERATOR_RANDOM");
  });

  it("demands that each operator's set is imported once", () => {
    expect(admitCode(smallModel({}, {}))).to.equal("ONNX_OPSET_MISSING");
    expect(admitCode(smallModel({}, { "": 17, "ai.onnx": 17 }))).to.equal("ONNX_OPSET_REPEATED");
    expect(admitCode(smallModel({}, { "ai.onnx": 17 }))).to.equal("admitted");
    // An import that nothing uses does nothing.
    expect(admitCode(smallModel({}, { "": 17, "com.microsoft": 1 }))).to.equal("admitted");
  });

  it("takes the IR versions that onnxruntime loads", () => {
    const admitted = Array.from({ length: 16 }, (_, version) => version).filter(
      (irVersion) => admitCode(model({ irVersion, opsets: { "": 17 }, graph: RELU_GRAPH })) === "admitted",
    );
    expect(admitted).to.deep.equal([3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  });

  it("admits trees up to the depth limit", () => {
    expect(admitCode(deepTree(DEFAULT_LIMITS.maxTreeDepth))).to.equal("admitted");
    expect(admitCode(deepTree(DEFAULT_LIMITS.maxTreeDepth + 1))).to.equal("ONNX_TREE_TOO_DEEP");
  });

  it("applies each limit that it is given", () => {
    const bytes = smallModel({ initialisers: [int64Tensor("w", [3], [1n, 2n, 3n])] });
    const limits: readonly [limit: Partial<typeof DEFAULT_LIMITS>, code: string][] = [
      [{ maxBytes: bytes.length }, "admitted"],
      [{ maxBytes: bytes.length - 1 }, "ONNX_TOO_LARGE"],
      [{ maxNodes: 0 }, "ONNX_TOO_MANY_NODES"],
      [{ maxObjects: 3 }, "ONNX_TOO_MANY_OBJECTS"],
      [{ maxIntegers: 0 }, "ONNX_TOO_MANY_INTEGERS"],
    ];
    for (const [limit, code] of limits)
      expect(codeOf(admit(bytes, { ...DEFAULT_LIMITS, ...limit })), JSON.stringify(limit)).to.equal(code);
    const tree = deepTree(10);
    expect(codeOf(admit(tree, { ...DEFAULT_LIMITS, maxTreeNodes: 20 }))).to.equal("ONNX_TREE_TOO_LARGE");
    expect(codeOf(admit(tree, { ...DEFAULT_LIMITS, extraDomains: [] }))).to.equal("ONNX_DOMAIN");
  });

  it("keeps control characters of hostile names out of its details", () => {
    const verdict = admit(
      smallModel({ nodes: [{ ...RELU, opType: `\u001b[2J\u202e${"z".repeat(500)}`, domain: "evil" }] }),
    );
    expect(verdict.ok ? "" : verdict.reason.detail).to.match(/^[ -~]{1,200}$/);
  });

  it("has a sentence for each code", () => {
    for (const [code, sentence] of Object.entries(ONNX_REFUSALS)) expect(sentence, code).to.match(/^[A-Z].*\.$/);
  });
});
