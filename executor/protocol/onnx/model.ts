import { type Message, readMessage } from "./reader";

/** Name, ONNX element type number (0 if it is no plain tensor) and dimensions of a graph's input or output. */
export interface ValueInfo {
	readonly name: string;
	/** ONNX number of the element type; 0 for sequences, maps, optionals and sparse tensors. */
	readonly dtype: number;
	/** `null` marks a free dimension; `undefined` a tensor of unknown rank. */
	readonly dims: readonly (number | null)[] | undefined;
}

export interface TensorInfo {
	readonly name: string;
	readonly dtype: number;
	readonly dims: readonly bigint[];
	/** Bytes of the data as stored in the file. */
	readonly storedBytes: number;
	readonly external: boolean;
}

export interface AttributeInfo {
	readonly name: string;
	readonly i: bigint | undefined;
	readonly ints: readonly bigint[];
	readonly strings: readonly Uint8Array[];
	readonly tensors: readonly TensorInfo[];
	readonly graphs: readonly GraphInfo[];
	readonly sparse: boolean;
}

export interface NodeInfo {
	readonly op: string;
	/** Empty for ONNX's own operators. */
	readonly domain: string;
	readonly inputs: readonly string[];
	readonly outputs: readonly string[];
	readonly attributes: readonly AttributeInfo[];
}

export interface GraphInfo {
	readonly nodes: readonly NodeInfo[];
	readonly initializers: readonly TensorInfo[];
	readonly sparseInitializers: number;
	readonly inputs: readonly ValueInfo[];
	readonly outputs: readonly ValueInfo[];
}

export interface ModelInfo {
	readonly irVersion: number;
	readonly producer: string;
	readonly opsets: readonly {
		readonly domain: string;
		readonly version: number;
	}[];
	readonly functions: number;
	readonly trainingInfo: number;
	/** Absent in an empty file, which protobuf reads as an empty model. */
	readonly graph: GraphInfo | undefined;
}

const list = (m: Message, name: string): readonly Message[] =>
	(m[name] ?? []) as readonly Message[];
const string = (m: Message, name: string): string => (m[name] ?? "") as string;
const strings = (m: Message, name: string): readonly string[] =>
	(m[name] ?? []) as readonly string[];
const int = (m: Message, name: string): bigint => (m[name] ?? 0n) as bigint;
const ints = (m: Message, name: string): readonly bigint[] =>
	(m[name] ?? []) as readonly bigint[];

/** Not every 64-bit number fits a JavaScript number; one that does not is as good as "absurd". */
const small = (value: bigint): number =>
	Number(BigInt.asIntN(53, value) === value ? value : -1n);

/**
 * Reads an ONNX file. Weights are looked at, never copied.
 * @throws AssayError `ONNX_MALFORMED`
 */
export function readModel(bytes: Uint8Array): ModelInfo {
	const m = readMessage("Model", bytes);
	return {
		irVersion: small(int(m, "irVersion")),
		producer: [string(m, "producerName"), string(m, "producerVersion")]
			.filter((s) => s !== "")
			.join(" "),
		opsets: list(m, "opsetImport").map((o) => ({
			domain: normalDomain(string(o, "domain")),
			version: small(int(o, "version")),
		})),
		functions: list(m, "functions").length,
		trainingInfo: ((m.trainingInfo ?? []) as readonly unknown[]).length,
		graph: m.graph === undefined ? undefined : graph(m.graph as Message),
	};
}

/** "ai.onnx" is the long name of the default domain. */
function normalDomain(domain: string): string {
	return domain === "ai.onnx" ? "" : domain;
}

function graph(g: Message): GraphInfo {
	return {
		nodes: list(g, "node").map(node),
		initializers: list(g, "initializer").map(tensor),
		sparseInitializers: list(g, "sparseInitializer").length,
		inputs: list(g, "input").map(valueInfo),
		outputs: list(g, "output").map(valueInfo),
	};
}

function node(n: Message): NodeInfo {
	return {
		op: string(n, "opType"),
		domain: normalDomain(string(n, "domain")),
		inputs: strings(n, "input"),
		outputs: strings(n, "output"),
		attributes: list(n, "attribute").map(attribute),
	};
}

function attribute(a: Message): AttributeInfo {
	const tensors = [
		...(a.t === undefined ? [] : [a.t as Message]),
		...list(a, "tensors"),
	];
	const graphs = [
		...(a.g === undefined ? [] : [a.g as Message]),
		...list(a, "graphs"),
	];
	return {
		name: string(a, "name"),
		i: a.i as bigint | undefined,
		ints: ints(a, "ints"),
		strings: (a.strings ?? []) as readonly Uint8Array[],
		tensors: tensors.map(tensor),
		graphs: graphs.map(graph),
		sparse: a.sparseTensor !== undefined || list(a, "sparseTensors").length > 0,
	};
}

function tensor(t: Message): TensorInfo {
	const raw = (t.rawData as Uint8Array | undefined)?.length ?? 0;
	const typed =
		4 * count(t, "floatData") +
		8 * count(t, "doubleData") +
		8 * count(t, "int64Data") +
		8 * count(t, "uint64Data") +
		4 * count(t, "int32Data");
	const text = ((t.stringData ?? []) as readonly Uint8Array[]).reduce(
		(sum, s) => sum + s.length,
		0,
	);
	return {
		name: string(t, "name"),
		dtype: small(int(t, "dataType")),
		dims: ints(t, "dims"),
		storedBytes: raw + typed + text,
		external:
			list(t, "externalData").length > 0 || int(t, "dataLocation") !== 0n,
	};
}

const count = (t: Message, name: string): number =>
	((t[name] ?? []) as readonly unknown[]).length;

function valueInfo(v: Message): ValueInfo {
	const type = v.type as Message | undefined;
	const plain = type?.tensorType as Message | undefined;
	const shape = plain?.shape as Message | undefined;
	return {
		name: string(v, "name"),
		dtype: plain === undefined ? 0 : small(int(plain, "elemType")),
		dims:
			shape === undefined
				? undefined
				: list(shape, "dim").map((d) =>
						d.dimValue === undefined ? null : small(d.dimValue as bigint),
					),
	};
}
