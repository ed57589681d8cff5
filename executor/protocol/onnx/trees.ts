import type { NodeInfo } from "./model";

/** Operators of `ai.onnx.ml` whose attributes spell out decision trees. */
const TREE_OPS = new Set([
	"TreeEnsembleClassifier",
	"TreeEnsembleRegressor",
	"TreeEnsemble",
]);

interface Attributes {
	ints(name: string): readonly bigint[];
	strings(name: string): readonly string[];
}

/**
 * Depth of the deepest tree of a tree ensemble, `Infinity` when its links run in a circle, 0 for any other operator.
 * onnxruntime walks trees by recursion: one 200,000 levels deep ends the process by SIGSEGV at load, in every version measured.
 */
export function treeDepth(node: NodeInfo): number {
	if (node.domain !== "ai.onnx.ml" || !TREE_OPS.has(node.op)) return 0;
	const named = (name: string) => node.attributes.find((a) => a.name === name);
	const attributes: Attributes = {
		ints: (name) => named(name)?.ints ?? [],
		strings: (name) =>
			(named(name)?.strings ?? []).map((s) =>
				Buffer.from(s).toString("latin1"),
			),
	};
	const yes = attributes.ints("nodes_truenodeids");
	const no = attributes.ints("nodes_falsenodeids");
	const children =
		node.op === "TreeEnsemble"
			? flatChildren(yes, no, attributes)
			: namedChildren(yes, no, attributes);
	return deepest(children);
}

/** Before opset 5: a node is named by (tree id, node id); a node of mode LEAF has links too, and they mean nothing. */
function namedChildren(
	yes: readonly bigint[],
	no: readonly bigint[],
	attributes: Attributes,
): number[][] {
	const trees = attributes.ints("nodes_treeids");
	const ids = attributes.ints("nodes_nodeids");
	const modes = attributes.strings("nodes_modes");
	const index = new Map(ids.map((id, i) => [`${trees[i]}:${id}`, i]));
	return ids.map((_, i) => {
		if (modes[i] === "LEAF") return [];
		return [yes[i], no[i]].flatMap(
			(target) => index.get(`${trees[i]}:${target}`) ?? [],
		);
	});
}

/** From opset 5: links are positions, and a flag says which of them point to a leaf. */
function flatChildren(
	yes: readonly bigint[],
	no: readonly bigint[],
	attributes: Attributes,
): number[][] {
	const yesLeaf = attributes.ints("nodes_trueleafs");
	const noLeaf = attributes.ints("nodes_falseleafs");
	return yes.map((target, i) => {
		const out: number[] = [];
		if (yesLeaf[i] !== 1n) out.push(Number(target));
		if (noLeaf[i] !== 1n && no[i] !== undefined) out.push(Number(no[i]));
		return out.filter((t) => t >= 0 && t < yes.length);
	});
}

/** Longest path by an explicit stack, so that a hostile tree does not overflow ours. */
function deepest(children: readonly (readonly number[])[]): number {
	const depth = new Float64Array(children.length);
	const state = new Uint8Array(children.length); // 0 new, 1 on the path, 2 done
	for (let root = 0; root < children.length; root++) {
		const stack = [root];
		while (stack.length > 0) {
			const at = stack[stack.length - 1] as number;
			const below = children[at] ?? [];
			if (state[at] === 0) {
				state[at] = 1;
				for (const child of below) {
					if (state[child] === 1) return Number.POSITIVE_INFINITY;
					if (state[child] === 0) stack.push(child);
				}
				continue;
			}
			stack.pop();
			if (state[at] === 2) continue;
			state[at] = 2;
			let most = 0;
			for (const child of below) most = Math.max(most, depth[child] ?? 0);
			depth[at] = most + 1;
		}
	}
	return depth.reduce((a, b) => Math.max(a, b), 0);
}
