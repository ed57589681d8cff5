import { type AdmissionVerdict, admit } from "../../../../executor/protocol/onnx/admission";
import { bytesField, integerField, message } from "../../../../scripts/models/onnx/protobuf";
import {
  type GraphSpec,
  graphMessage,
  model,
  type NodeSpec,
  opset,
  type ValueSpec,
} from "../../../../scripts/models/onnx/writer";

export const X: ValueSpec = { name: "x", dtype: 1, dims: ["N"] };
export const Y: ValueSpec = { name: "y", dtype: 1, dims: ["N"] };
export const RELU: NodeSpec = { opType: "Relu", inputs: ["x"], outputs: ["y"] };
export const RELU_GRAPH: GraphSpec = { name: "g", nodes: [RELU], inputs: [X], outputs: [Y] };

/** A model of y = relu(x), with what a test changes. */
export function smallModel(
  change: Partial<GraphSpec> = {},
  opsets: Readonly<Record<string, number>> = { "": 17 },
): Uint8Array {
  return model({ irVersion: 8, opsets, graph: { ...RELU_GRAPH, ...change } });
}

/** The same with further fields, as bytes, at the end of the graph. */
export function withGraphFields(...fields: readonly Uint8Array[]): Uint8Array {
  return message(
    integerField(1, 8),
    bytesField(7, message(graphMessage(RELU_GRAPH), ...fields)),
    bytesField(8, opset("", 17)),
  );
}

/** The code of the refusal, or "admitted". */
export function codeOf(verdict: AdmissionVerdict): string {
  return verdict.ok ? "admitted" : verdict.reason.code;
}

export function admitCode(bytes: Uint8Array): string {
  return codeOf(admit(bytes));
}
