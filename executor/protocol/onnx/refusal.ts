/**
 * Why a model is refused, one sentence each. The codes are the API; the sentences are for people.
 * Every path of this folder ends in a signature or in one of these: nothing else may reach the signer.
 */
export const ONNX_REFUSALS = {
  // The bytes.
  ONNX_EMPTY: "The file is empty; protobuf would read it as an empty model.",
  ONNX_TOO_LARGE: "The file is larger than the limit.",
  ONNX_ORT_FORMAT: "The bytes carry the mark of ORT's own format, which onnxruntime would load instead of the ONNX in it.",
  ONNX_TRUNCATED: "A field ends after the message that holds it.",
  ONNX_VARINT_OVERLONG: "A varint is longer than its value needs or than its type allows.",
  ONNX_INTEGER_RANGE: "A 32-bit field holds a number of more than 32 bits.",
  ONNX_WIRE_TYPE: "A field has another wire type than the schema gives it, or an unknown one.",
  ONNX_FIELD_UNKNOWN: "A field is not in the schema, so that two readers could disagree on what the model says.",
  ONNX_FIELD_REPEATED: "A field that occurs once at most occurs twice; readers differ in which one they take, or merge both.",
  ONNX_STRING_NOT_UTF8: "A name is not valid UTF-8.",
  ONNX_TOO_MANY_OBJECTS: "The file holds more messages and strings than the limit.",
  ONNX_TOO_MANY_INTEGERS: "The file holds more list elements than the limit.",
  ONNX_TOO_MANY_NODES: "The graphs hold more nodes than the limit, and onnxruntime would take too long to load them.",
  ONNX_NESTED_TOO_DEEP: "Subgraphs or types are nested deeper than the limit.",

  // The model as a whole.
  ONNX_GRAPH_MISSING: "There is no graph.",
  ONNX_IR_VERSION: "The IR version is missing or not supported.",
  ONNX_OPSET_MISSING: "A node's operator set is not imported.",
  ONNX_OPSET_REPEATED: "One operator set is imported twice.",
  ONNX_FUNCTION: "The model defines functions, which can double without end or call themselves when inlined.",
  ONNX_TRAINING_INFO: "The model carries training graphs.",

  // Operators.
  ONNX_DOMAIN: "A node's operator is of a domain outside the allowed ones.",
  ONNX_OPERATOR_RANDOM: "An operator draws random numbers, so that nobody could repeat the answer.",
  ONNX_ATTRIBUTE_REFERENCE: "An attribute refers to a function's parameter outside a function.",
  ONNX_ATTRIBUTE_TYPE: "An attribute's value is not of its declared type, or it has several values.",
  ONNX_TREE_MALFORMED: "A tree ensemble has lists of different lengths, missing children, shared nodes or a cycle.",
  ONNX_TREE_TOO_LARGE: "A tree ensemble holds more nodes than the limit.",
  ONNX_TREE_TOO_DEEP: "A tree is deeper than the limit; onnxruntime walks it recursively and its stack ends.",

  // Tensors.
  ONNX_EXTERNAL_DATA: "A tensor's data lies outside the file.",
  ONNX_SPARSE_TENSOR: "The model holds or takes sparse tensors.",
  ONNX_TENSOR_SEGMENT: "A tensor is given in segments.",
  ONNX_TENSOR_TYPE: "A tensor's element type is undefined or unknown.",
  ONNX_TENSOR_SIZE: "The data of a tensor does not have the size that its type and dimensions say, or it is not where its type belongs.",

  // Names.
  ONNX_NAME_REPEATED: "One name is given to two values or attributes.",
  ONNX_NAME_UNDEFINED: "A node or output uses a value that nothing produces.",
  ONNX_GRAPH_CYCLE: "Nodes depend on each other in a circle.",

  // Inputs and outputs.
  ONNX_SIGNATURE_COUNT: "There is no output, or there are more than 255 inputs or outputs.",
  ONNX_SIGNATURE_NAME: "The name of an input or output is empty, longer than 255 bytes or holds U+0000.",
  ONNX_SIGNATURE_KIND: "An input or output is not a dense tensor (sequence, map, optional, sparse, opaque), or has no type.",
  ONNX_SIGNATURE_TYPE: "The element type of an input or output is outside the ONNX numbers 1 to 13.",
  ONNX_SIGNATURE_RANK_UNKNOWN: "An input or output has no rank; a scalar fed to such an input can abort onnxruntime.",
  ONNX_SIGNATURE_RANK: "An input or output has more than eight dimensions.",
  ONNX_SIGNATURE_TOO_LARGE: "The fixed dimensions of an input or output hold more than 2^24 elements.",
} as const;

export type OnnxRefusalCode = keyof typeof ONNX_REFUSALS;

/** One reason. `detail` says where and with which values; it is made of the model's own names, so treat it as hostile text. */
export interface OnnxReason {
  readonly code: OnnxRefusalCode;
  readonly detail: string;
}

const MAX_DETAIL_CHARACTERS = 200;

/** Names come from the attacker: cut to a length and free of control characters, which terminals would obey. */
export function reason(code: OnnxRefusalCode, detail: string): OnnxReason {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what is removed.
  const printable = detail.slice(0, MAX_DETAIL_CHARACTERS).replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, "?");
  return { code, detail: printable };
}

/** Thrown by the reader where reading can not go on. It never leaves this folder: `admit` turns it into a value. */
export class OnnxRefusal extends Error {
  readonly reason: OnnxReason;

  constructor(code: OnnxRefusalCode, detail: string) {
    super(code);
    this.name = "OnnxRefusal";
    this.reason = reason(code, detail);
  }
}
