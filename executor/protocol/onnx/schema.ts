/**
 * The messages of ONNX's `onnx.proto` up to IR version 13, as far as a reader has to know them.
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.in.proto (Apache-2.0).
 */

/** `int64` and `int32` are varints; `message`, `bytes` and `string` are length-delimited. */
export type FieldKind = "int32" | "int64" | "float" | "double" | "string" | "bytes" | "message";

export interface FieldRule {
  readonly kind: FieldKind;
  readonly repeated: boolean;
}

/** The fields of one message by number. All numbers are below 32, so that a bit mask can remember which were seen. */
export interface MessageSchema {
  readonly name: string;
  readonly fields: readonly (FieldRule | undefined)[];
}

type Spec = Readonly<Record<number, FieldKind | `${FieldKind}*`>>;

function message(name: string, spec: Spec): MessageSchema {
  const fields: (FieldRule | undefined)[] = [];
  for (const [number, text] of Object.entries(spec)) {
    const repeated = text.endsWith("*");
    fields[Number(number)] = { kind: (repeated ? text.slice(0, -1) : text) as FieldKind, repeated };
  }
  return { name, fields };
}

export const MODEL = message("ModelProto", {
  1: "int64", // ir_version
  2: "bytes", // producer_name
  3: "bytes", // producer_version
  4: "bytes", // domain
  5: "int64", // model_version
  6: "bytes", // doc_string
  7: "message", // graph
  8: "message*", // opset_import
  14: "message*", // metadata_props
  20: "message*", // training_info
  25: "message*", // functions
  26: "message*", // configuration
});

export const OPSET = message("OperatorSetIdProto", { 1: "string", 2: "int64" });

export const GRAPH = message("GraphProto", {
  1: "message*", // node
  2: "bytes", // name
  5: "message*", // initializer
  10: "bytes", // doc_string
  11: "message*", // input
  12: "message*", // output
  13: "message*", // value_info
  14: "message*", // quantization_annotation
  15: "message*", // sparse_initializer
  16: "message*", // metadata_props
});

export const NODE = message("NodeProto", {
  1: "string*", // input
  2: "string*", // output
  3: "bytes", // name
  4: "string", // op_type
  5: "message*", // attribute
  6: "bytes", // doc_string
  7: "string", // domain
  8: "string", // overload
  9: "message*", // metadata_props
  10: "message*", // device_configurations
});

export const ATTRIBUTE = message("AttributeProto", {
  1: "string", // name
  2: "float", // f
  3: "int64", // i
  4: "bytes", // s
  5: "message", // t
  6: "message", // g
  7: "float*", // floats
  8: "int64*", // ints
  9: "bytes*", // strings
  10: "message*", // tensors
  11: "message*", // graphs
  13: "bytes", // doc_string
  14: "message", // tp
  15: "message*", // type_protos
  20: "int32", // type
  21: "bytes", // ref_attr_name
  22: "message", // sparse_tensor
  23: "message*", // sparse_tensors
});

export const TENSOR = message("TensorProto", {
  1: "int64*", // dims
  2: "int32", // data_type
  3: "message", // segment
  4: "float*", // float_data
  5: "int32*", // int32_data
  6: "bytes*", // string_data
  7: "int64*", // int64_data
  8: "string", // name
  9: "bytes", // raw_data
  10: "double*", // double_data
  11: "int64*", // uint64_data
  12: "bytes", // doc_string
  13: "message*", // external_data
  14: "int32", // data_location
  16: "message*", // metadata_props
});

export const VALUE_INFO = message("ValueInfoProto", {
  1: "string", // name
  2: "message", // type
  3: "bytes", // doc_string
  4: "message*", // metadata_props
});

export const TYPE = message("TypeProto", {
  1: "message", // tensor_type
  4: "message", // sequence_type
  5: "message", // map_type
  6: "bytes", // denotation
  7: "message", // opaque_type
  8: "message", // sparse_tensor_type
  9: "message", // optional_type
});

/** `TypeProto.Tensor`. */
export const TENSOR_TYPE = message("TypeProto.Tensor", { 1: "int32", 2: "message" });
/** `TypeProto.Sequence` and `TypeProto.Optional` have the same fields. */
export const ELEMENT_TYPE = message("TypeProto.Sequence", { 1: "message" });
export const MAP_TYPE = message("TypeProto.Map", { 1: "int32", 2: "message" });
export const SHAPE = message("TensorShapeProto", { 1: "message*" });
export const DIMENSION = message("TensorShapeProto.Dimension", { 1: "int64", 2: "string", 3: "bytes" });
