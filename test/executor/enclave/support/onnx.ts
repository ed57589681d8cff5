/** Writes small ONNX files for tests; field numbers as in onnx.proto3. */

export interface ValueSpec {
  readonly name: string;
  readonly type: number;
  /** A text is a free dimension. */
  readonly dims: readonly (number | string)[];
}

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly graph?: { readonly name: string; readonly graph: GraphSpec };
  readonly ints?: { readonly name: string; readonly value: number };
}

export interface GraphSpec {
  readonly nodes: readonly NodeSpec[];
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  readonly weights?: readonly {
    readonly name: string;
    readonly type: number;
    readonly dims: readonly number[];
    readonly raw: Uint8Array;
  }[];
}

function varint(value: number | bigint): Buffer {
  const out: number[] = [];
  let rest = BigInt(value);
  for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
  return Buffer.from(out);
}
const int = (field: number, value: number | bigint): Buffer => Buffer.concat([varint(field * 8), varint(value)]);
const bytes = (field: number, value: Uint8Array | string): Buffer => {
  const body = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body]);
};

function value({ name, type, dims }: ValueSpec): Buffer {
  const shape = Buffer.concat(dims.map((dim) => bytes(1, typeof dim === "string" ? bytes(2, dim) : int(1, dim))));
  return Buffer.concat([bytes(1, name), bytes(2, bytes(1, Buffer.concat([int(1, type), bytes(2, shape)])))]);
}

function node(spec: NodeSpec): Buffer {
  const attributes: Buffer[] = [];
  if (spec.graph !== undefined)
    attributes.push(Buffer.concat([bytes(1, spec.graph.name), bytes(6, graph(spec.graph.graph)), int(20, 5)]));
  if (spec.ints !== undefined)
    attributes.push(Buffer.concat([bytes(1, spec.ints.name), int(3, spec.ints.value), int(20, 2)]));
  return Buffer.concat([
    ...spec.inputs.map((name) => bytes(1, name)),
    ...spec.outputs.map((name) => bytes(2, name)),
    bytes(4, spec.op),
    ...attributes.map((attribute) => bytes(5, attribute)),
  ]);
}

function graph(spec: GraphSpec): Buffer {
  const weights = (spec.weights ?? []).map((w) =>
    Buffer.concat([...w.dims.map((d) => int(1, d)), int(2, w.type), bytes(8, w.name), bytes(9, w.raw)]),
  );
  return Buffer.concat([
    ...spec.nodes.map((n) => bytes(1, node(n))),
    bytes(2, "g"),
    ...weights.map((w) => bytes(5, w)),
    ...spec.inputs.map((v) => bytes(11, value(v))),
    ...spec.outputs.map((v) => bytes(12, value(v))),
  ]);
}

/** An ONNX file of opset 16, IR 8. */
export function onnxFile(spec: GraphSpec): Uint8Array {
  return new Uint8Array(Buffer.concat([int(1, 8), bytes(7, graph(spec)), bytes(8, int(2, 16))]));
}

export const FLOAT = 1;
export const INT64 = 7;
export const BOOL = 9;

/** y = x, of any type and shape. */
export function identityModel(type: number, dims: readonly (number | string)[]): Uint8Array {
  return onnxFile({
    nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
    inputs: [{ name: "x", type, dims }],
    outputs: [{ name: "y", type, dims }],
  });
}

/** y = x + x + … (`salt` times): as many different small models as a test needs. */
export function sumModel(salt = 1): Uint8Array {
  const nodes = Array.from({ length: salt }, (_, i) => ({
    op: "Add",
    inputs: [i === 0 ? "x" : `t${i}`, "x"],
    outputs: [i === salt - 1 ? "y" : `t${i + 1}`],
  }));
  return onnxFile({
    nodes,
    inputs: [{ name: "x", type: FLOAT, dims: [2] }],
    outputs: [{ name: "y", type: FLOAT, dims: [2] }],
  });
}

/** A Loop that never ends when x > 0, and ends at once otherwise. */
export function endlessModel(): Uint8Array {
  const scalar = (name: string, type: number): ValueSpec => ({ name, type, dims: [] });
  const body: GraphSpec = {
    nodes: [
      { op: "Identity", inputs: ["cond_in"], outputs: ["cond_out"] },
      { op: "Identity", inputs: ["v_in"], outputs: ["v_out"] },
    ],
    inputs: [scalar("i", INT64), scalar("cond_in", BOOL), { name: "v_in", type: FLOAT, dims: [1] }],
    outputs: [scalar("cond_out", BOOL), { name: "v_out", type: FLOAT, dims: [1] }],
  };
  const most = Buffer.alloc(8);
  most.writeBigInt64LE(2n ** 62n);
  return onnxFile({
    nodes: [
      { op: "Greater", inputs: ["x", "zero"], outputs: ["positive"] },
      { op: "Squeeze", inputs: ["positive"], outputs: ["go"] },
      { op: "Loop", inputs: ["most", "go", "x"], outputs: ["y"], graph: { name: "body", graph: body } },
    ],
    inputs: [{ name: "x", type: FLOAT, dims: [1] }],
    outputs: [{ name: "y", type: FLOAT, dims: [1] }],
    weights: [
      { name: "most", type: INT64, dims: [], raw: most },
      { name: "zero", type: FLOAT, dims: [1], raw: new Uint8Array(4) },
    ],
  });
}
