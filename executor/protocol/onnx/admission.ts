import { isAssayError } from "../../domain/errors";
import {
	type GraphInfo,
	type ModelInfo,
	type NodeInfo,
	readModel,
	type ValueInfo,
} from "./model";
import { treeDepth } from "./trees";

/** What a model may cost before anything of it is run. */
export interface AdmissionLimits {
	readonly maxBytes: number;
	readonly maxNodes: number;
	/** Graphs inside graphs (If, Loop, Scan); the main graph is depth 0. */
	readonly maxGraphDepth: number;
	readonly maxTreeDepth: number;
	readonly maxInputs: number;
	readonly maxOutputs: number;
	/** Elements of one stored tensor. */
	readonly maxTensorElements: number;
}

export const DEFAULT_LIMITS: AdmissionLimits = {
	// Below the frame limit of 64 MiB, so that a model that is admitted can also be sent.
	maxBytes: 60 * 2 ** 20,
	// A chain of 10,000 nodes took onnxruntime 0.9 s to load, one of 100,000 more than 12 s.
	maxNodes: 10_000,
	maxGraphDepth: 3,
	maxTreeDepth: 512,
	maxInputs: 64,
	maxOutputs: 64,
	maxTensorElements: 2 ** 28,
};

/** Why a model is refused; the sentence is for people. */
export const ADMISSION_REASONS = {
	TOO_LARGE: "the file is larger than the limit",
	MALFORMED: "the file is not a well-formed ONNX protobuf",
	NO_GRAPH: "the file has no graph",
	NO_OUTPUT: "the graph has no output",
	TOO_MANY_NODES: "the graph has more nodes than the limit",
	TOO_DEEP: "graphs are nested deeper than the limit",
	EXTERNAL_DATA:
		"weights lie outside the file, so its hash would not name the model",
	FOREIGN_DOMAIN: "a node uses an operator outside ONNX's own domains",
	FUNCTIONS: "model-local functions expand without bound",
	TRAINING: "the file carries training information",
	SPARSE: "sparse tensors are not supported",
	RANDOM_OPERATOR:
		"a node draws random numbers, so that no answer could be checked by running it again",
	TREE_TOO_DEEP: "a decision tree is deeper than the limit or runs in a circle",
	UNKNOWN_RANK: "an input or output has no fixed rank",
	UNSUPPORTED_TYPE: "an input or output is no tensor of an ONNX type 1-13",
	BAD_DIMENSION: "a dimension is negative or too large",
	RANK_TOO_HIGH: "an input or output has more than eight dimensions",
	BAD_NAME: "an input or output has an empty, a repeated or a too long name",
	TOO_MANY_VALUES: "the graph has more inputs or outputs than the limit",
	TENSOR_TOO_LARGE: "a stored tensor has more elements than the limit",
} as const;
export type AdmissionReason = keyof typeof ADMISSION_REASONS;

/** A tensor of a model's signature; `null` is a free dimension. */
export interface SignatureEntry {
	readonly name: string;
	readonly dtype: number;
	readonly dims: readonly (number | null)[];
}
export interface ModelSignature {
	readonly inputs: readonly SignatureEntry[];
	readonly outputs: readonly SignatureEntry[];
}

export type AdmissionVerdict =
	| {
			readonly ok: true;
			readonly signature: ModelSignature;
			readonly model: ModelInfo;
	  }
	| {
			readonly ok: false;
			readonly reason: AdmissionReason;
			readonly detail: string;
	  };

/** Carries a refusal out of the recursion; never leaves this file. */
class Refused {
	constructor(
		readonly reason: AdmissionReason,
		readonly detail: string,
	) {}
}

const RANDOM_OPS = new Set([
	"RandomNormal",
	"RandomNormalLike",
	"RandomUniform",
	"RandomUniformLike",
	"Multinomial",
	"Bernoulli",
]);
const ALLOWED_DOMAINS = new Set(["", "ai.onnx.ml"]);
const MAX_DIMENSION = 2 ** 24;

/**
 * Decides from the bytes alone whether a model may be given to a runner at all. What only running can show (endless loops, memory)
 * is left to the throw-away runner. Never throws: every byte string gets a verdict.
 */
export function admit(
	bytes: Uint8Array,
	limits: AdmissionLimits = DEFAULT_LIMITS,
): AdmissionVerdict {
	if (bytes.length > limits.maxBytes)
		return {
			ok: false,
			reason: "TOO_LARGE",
			detail: `${bytes.length} of ${limits.maxBytes} bytes`,
		};
	try {
		const model = readModel(bytes);
		return { ok: true, signature: check(model, limits), model };
	} catch (error) {
		if (error instanceof Refused)
			return { ok: false, reason: error.reason, detail: error.detail };
		if (isAssayError(error, "ONNX_MALFORMED"))
			return {
				ok: false,
				reason: "MALFORMED",
				detail: `${error.context.fault} in ${error.context.where}`,
			};
		throw error;
	}
}

function check(model: ModelInfo, limits: AdmissionLimits): ModelSignature {
	if (model.graph === undefined)
		throw new Refused(
			"NO_GRAPH",
			"an empty file is an empty model to protobuf",
		);
	if (model.functions > 0)
		throw new Refused("FUNCTIONS", `${model.functions} functions`);
	if (model.trainingInfo > 0)
		throw new Refused("TRAINING", `${model.trainingInfo} entries`);
	checkGraph({ graph: model.graph, depth: 0, limits, count: { nodes: 0 } });
	// Old files list the weights among the inputs as well; those need not be given.
	const stored = new Set(model.graph.initializers.map((t) => t.name));
	const inputs = model.graph.inputs.filter((v) => !stored.has(v.name));
	if (model.graph.outputs.length === 0)
		throw new Refused("NO_OUTPUT", "nothing to sign");
	return {
		inputs: signature(inputs, limits.maxInputs),
		outputs: signature(model.graph.outputs, limits.maxOutputs),
	};
}

interface GraphCheck {
	readonly graph: GraphInfo;
	readonly depth: number;
	readonly limits: AdmissionLimits;
	/** Shared by all graphs of the model. */
	readonly count: { nodes: number };
}

function checkGraph({ graph, depth, limits, count }: GraphCheck): void {
	if (depth > limits.maxGraphDepth)
		throw new Refused("TOO_DEEP", `depth ${depth}`);
	count.nodes += graph.nodes.length;
	if (count.nodes > limits.maxNodes)
		throw new Refused("TOO_MANY_NODES", `more than ${limits.maxNodes}`);
	if (graph.sparseInitializers > 0)
		throw new Refused("SPARSE", "sparse initializer");
	for (const tensor of graph.initializers) checkTensor(tensor, limits);
	for (const node of graph.nodes) {
		checkNode(node, limits);
		for (const attribute of node.attributes) {
			if (attribute.sparse)
				throw new Refused(
					"SPARSE",
					`attribute ${attribute.name} of ${node.op}`,
				);
			for (const tensor of attribute.tensors) checkTensor(tensor, limits);
			for (const inner of attribute.graphs)
				checkGraph({ graph: inner, depth: depth + 1, limits, count });
		}
	}
}

function checkNode(node: NodeInfo, limits: AdmissionLimits): void {
	if (!ALLOWED_DOMAINS.has(node.domain))
		throw new Refused("FOREIGN_DOMAIN", `${node.domain}.${node.op}`);
	if (node.domain === "" && RANDOM_OPS.has(node.op))
		throw new Refused("RANDOM_OPERATOR", node.op);
	// A third input switches Dropout to training, where it draws random numbers; it may be computed, so its presence is enough.
	if (
		node.domain === "" &&
		node.op === "Dropout" &&
		(node.inputs[2] ?? "") !== ""
	)
		throw new Refused("RANDOM_OPERATOR", "Dropout in training mode");
	const depth = treeDepth(node);
	if (depth > limits.maxTreeDepth)
		throw new Refused(
			"TREE_TOO_DEEP",
			Number.isFinite(depth) ? `depth ${depth}` : "circle",
		);
}

function checkTensor(
	tensor: GraphInfo["initializers"][number],
	limits: AdmissionLimits,
): void {
	if (tensor.external) throw new Refused("EXTERNAL_DATA", tensor.name);
	let elements = 1n;
	for (const dim of tensor.dims) {
		if (dim < 0n)
			throw new Refused("BAD_DIMENSION", `${dim} in ${tensor.name}`);
		elements *= dim === 0n ? 1n : dim;
		// Compared at every step, before the product can grow without bound.
		if (elements > BigInt(limits.maxTensorElements))
			throw new Refused("TENSOR_TOO_LARGE", tensor.name);
	}
}

function signature(
	values: readonly ValueInfo[],
	limit: number,
): SignatureEntry[] {
	if (values.length > limit)
		throw new Refused("TOO_MANY_VALUES", `${values.length} of ${limit}`);
	const seen = new Set<string>();
	return values.map(({ name, dtype, dims }) => {
		// 255 bytes is what a tensor set can carry.
		if (name === "" || seen.has(name) || Buffer.byteLength(name) > 255)
			throw new Refused("BAD_NAME", JSON.stringify(name.slice(0, 64)));
		seen.add(name);
		if (dtype < 1 || dtype > 13)
			throw new Refused("UNSUPPORTED_TYPE", `type ${dtype} of ${name}`);
		if (dims === undefined) throw new Refused("UNKNOWN_RANK", name);
		if (dims.length > 8)
			throw new Refused("RANK_TOO_HIGH", `rank ${dims.length} of ${name}`);
		for (const dim of dims) {
			if (dim !== null && (dim < 0 || dim > MAX_DIMENSION))
				throw new Refused("BAD_DIMENSION", `${dim} in ${name}`);
		}
		return { name, dtype, dims };
	});
}
