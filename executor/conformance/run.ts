import { isAssayError } from "../domain/errors";
import { inspectModel } from "../protocol/onnx/inspect";
import { OnnxRefusal } from "../protocol/onnx/refusal";
import { ProtocolError } from "../protocol/protocolError";
import type { NamedTensor } from "../protocol/tensorSet";
import type { ConformanceCase, ConformanceSet } from "./cases";
import { difference } from "./compare";

export interface CaseResult {
  readonly case: string;
  /** `refused`: the model, a tensor or the input was turned down with a reason; nothing wrong was answered. */
  readonly status: "passed" | "failed" | "refused";
  readonly reason: string | undefined;
}

/** What came of one run. */
export type PathOutcome =
  | { readonly kind: "answered"; readonly outputs: readonly NamedTensor[] }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

/** The way that a model and its inputs take: through an enclave, or through the chain. */
export interface InferencePath {
  run(model: Uint8Array, inputs: readonly NamedTensor[]): Promise<PathOutcome>;
}

/** Runs one case, all its sets. Never throws for what the case holds: that is its result. */
export async function runCase(item: ConformanceCase, path: InferencePath): Promise<CaseResult> {
  const end = (status: CaseResult["status"], reason?: string): CaseResult => ({ case: item.name, status, reason });
  try {
    const model = item.model();
    const { verdict } = inspectModel(model);
    if (!verdict.admitted) return end("refused", `${verdict.reason.code}: ${verdict.reason.detail}`);
    const names = verdict.signature.inputs.map(({ name }) => name);
    for (const [index, set] of item.sets().entries()) {
      const outcome = await path.run(model, namedInOrder(set, names));
      if (outcome.kind !== "answered") return end(outcome.kind, `set ${index}: ${outcome.reason}`);
      const why = difference(outcome.outputs, set.outputs);
      if (why !== undefined) return end("failed", `set ${index}: ${why}`);
    }
    return end("passed");
  } catch (error) {
    if (error instanceof OnnxRefusal) return end("refused", `${error.reason.code}: ${error.reason.detail}`);
    if (error instanceof ProtocolError) return end("refused", `${error.code}: ${error.message}`);
    if (isAssayError(error))
      return end(error.code === "CASE_TENSOR_UNSUPPORTED" ? "refused" : "failed", `${error.code}: ${error.message}`);
    if (error instanceof Error && "code" in error) return end("failed", `${String(error.code)}: ${error.message}`);
    throw error;
  }
}

/** Inputs under the model's names and in its order; what the case leaves unnamed is taken by position. */
function namedInOrder({ inputs }: ConformanceSet, names: readonly string[]): NamedTensor[] {
  const named = inputs.map((input, i) => (input.name === "" ? { ...input, name: names[i] ?? "" } : input));
  return [...named].sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}
