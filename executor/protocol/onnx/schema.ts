/**
 * The fields of ONNX's protobuf messages that this reader knows (onnx.proto of ONNX 1.19, IR version 12).
 * A field that is not here is refused: what this reader does not see, onnxruntime might.
 */
export type FieldKind =
	| "int"
	| "float"
	| "double"
	| "bytes"
	| "string"
	| MessageName;

export interface Field {
	readonly name: string;
	readonly kind: FieldKind;
	readonly repeated?: true;
}

const one = (name: string, kind: FieldKind): Field => ({ name, kind });
const many = (name: string, kind: FieldKind): Field => ({
	name,
	kind,
	repeated: true,
});

export type MessageName =
	| "Model"
	| "OperatorSet"
	| "Entry"
	| "Graph"
	| "Node"
	| "Function"
	| "Attribute"
	| "Tensor"
	| "Segment"
	| "SparseTensor"
	| "ValueInfo"
	| "Type"
	| "TensorType"
	| "SequenceType"
	| "Shape"
	| "Dimension";

export const SCHEMA: Readonly<
	Record<MessageName, Readonly<Record<number, Field>>>
> = {
	Model: {
		1: one("irVersion", "int"),
		2: one("producerName", "string"),
		3: one("producerVersion", "string"),
		4: one("domain", "string"),
		5: one("modelVersion", "int"),
		6: one("docString", "string"),
		7: one("graph", "Graph"),
		8: many("opsetImport", "OperatorSet"),
		14: many("metadataProps", "Entry"),
		20: many("trainingInfo", "bytes"),
		25: many("functions", "Function"),
		26: many("configuration", "bytes"),
	},
	OperatorSet: { 1: one("domain", "string"), 2: one("version", "int") },
	Entry: { 1: one("key", "string"), 2: one("value", "string") },
	Graph: {
		1: many("node", "Node"),
		2: one("name", "string"),
		5: many("initializer", "Tensor"),
		10: one("docString", "string"),
		11: many("input", "ValueInfo"),
		12: many("output", "ValueInfo"),
		13: many("valueInfo", "ValueInfo"),
		14: many("quantizationAnnotation", "bytes"),
		15: many("sparseInitializer", "SparseTensor"),
		16: many("metadataProps", "Entry"),
	},
	Node: {
		1: many("input", "string"),
		2: many("output", "string"),
		3: one("name", "string"),
		4: one("opType", "string"),
		5: many("attribute", "Attribute"),
		6: one("docString", "string"),
		7: one("domain", "string"),
		8: one("overload", "string"),
		9: many("metadataProps", "Entry"),
		10: many("deviceConfigurations", "bytes"),
	},
	// Functions are refused as a whole, so nothing of them is read beyond the name.
	Function: Object.fromEntries(
		[1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14].map((n) => [
			n,
			n === 1 ? one("name", "string") : many(`field${n}`, "bytes"),
		]),
	),
	Attribute: {
		1: one("name", "string"),
		2: one("f", "float"),
		3: one("i", "int"),
		4: one("s", "bytes"),
		5: one("t", "Tensor"),
		6: one("g", "Graph"),
		7: many("floats", "float"),
		8: many("ints", "int"),
		9: many("strings", "bytes"),
		10: many("tensors", "Tensor"),
		11: many("graphs", "Graph"),
		13: one("docString", "string"),
		14: one("tp", "Type"),
		15: many("typeProtos", "Type"),
		20: one("type", "int"),
		21: one("refAttrName", "string"),
		22: one("sparseTensor", "SparseTensor"),
		23: many("sparseTensors", "SparseTensor"),
	},
	Tensor: {
		1: many("dims", "int"),
		2: one("dataType", "int"),
		3: one("segment", "Segment"),
		4: many("floatData", "float"),
		5: many("int32Data", "int"),
		6: many("stringData", "bytes"),
		7: many("int64Data", "int"),
		8: one("name", "string"),
		9: one("rawData", "bytes"),
		10: many("doubleData", "double"),
		11: many("uint64Data", "int"),
		12: one("docString", "string"),
		13: many("externalData", "Entry"),
		14: one("dataLocation", "int"),
		16: many("metadataProps", "Entry"),
	},
	Segment: { 1: one("begin", "int"), 2: one("end", "int") },
	SparseTensor: {
		1: one("values", "Tensor"),
		2: one("indices", "Tensor"),
		3: many("dims", "int"),
	},
	ValueInfo: {
		1: one("name", "string"),
		2: one("type", "Type"),
		3: one("docString", "string"),
		4: many("metadataProps", "Entry"),
	},
	Type: {
		1: one("tensorType", "TensorType"),
		4: one("sequenceType", "SequenceType"),
		5: one("mapType", "bytes"),
		6: one("denotation", "string"),
		7: one("opaqueType", "bytes"),
		8: one("sparseTensorType", "bytes"),
		9: one("optionalType", "SequenceType"),
	},
	TensorType: { 1: one("elemType", "int"), 2: one("shape", "Shape") },
	SequenceType: { 1: one("elemType", "Type") },
	Shape: { 1: many("dim", "Dimension") },
	Dimension: {
		1: one("dimValue", "int"),
		2: one("dimParam", "string"),
		3: one("denotation", "string"),
	},
};
