import { createHash } from "node:crypto";
import { type Hex32, hex32 } from "../../domain/ids";
import { cidFromSha256 } from "../cid";
import {
	type AdmissionLimits,
	type AdmissionReason,
	admit,
	DEFAULT_LIMITS,
	type ModelSignature,
} from "./admission";

/** What `assay model inspect FILE` prints. */
export interface ModelInspection {
	/** sha-256 of the file: the model hash on the chain. */
	readonly sha256: Hex32;
	readonly cid: string;
	readonly bytes: number;
	readonly admitted: boolean;
	/** Set exactly when the model is not admitted. */
	readonly refusal?: {
		readonly reason: AdmissionReason;
		readonly detail: string;
	};
	readonly signature?: ModelSignature;
	readonly producer?: string;
	readonly irVersion?: number;
	readonly opsets?: readonly {
		readonly domain: string;
		readonly version: number;
	}[];
	readonly nodes?: number;
	/** How often each operator stands in the main graph. */
	readonly operators?: Readonly<Record<string, number>>;
	readonly weightBytes?: number;
}

/** Looks at a model without running it. */
export function inspectModel(
	bytes: Uint8Array,
	limits: AdmissionLimits = DEFAULT_LIMITS,
): ModelInspection {
	const sha256 = hex32(`0x${createHash("sha256").update(bytes).digest("hex")}`);
	const base = { sha256, cid: cidFromSha256(sha256), bytes: bytes.length };
	const verdict = admit(bytes, limits);
	if (!verdict.ok)
		return {
			...base,
			admitted: false,
			refusal: { reason: verdict.reason, detail: verdict.detail },
		};
	const { model, signature } = verdict;
	const nodes = model.graph?.nodes ?? [];
	const operators: Record<string, number> = {};
	for (const { domain, op } of nodes) {
		const name = domain === "" ? op : `${domain}.${op}`;
		operators[name] = (operators[name] ?? 0) + 1;
	}
	return {
		...base,
		admitted: true,
		signature,
		producer: model.producer,
		irVersion: model.irVersion,
		opsets: model.opsets,
		nodes: nodes.length,
		operators,
		weightBytes: (model.graph?.initializers ?? []).reduce(
			(sum, t) => sum + t.storedBytes,
			0,
		),
	};
}
