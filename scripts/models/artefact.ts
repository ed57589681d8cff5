import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { arch, platform } from "node:os";
import { inspectModel } from "../../executor/protocol/onnx/inspect";
import { type CompactSet, compactInput, loadRuntime, openSession, runCompact } from "./golden";
import { type BuiltModel, OPSET, type Recipe } from "./recipes/recipe";

/** The files of `models/<name>/` that a build writes. */
export interface Artefact {
  readonly onnx: Uint8Array;
  /** `model.json` */
  readonly card: string;
  /** `io.json` */
  readonly io: string;
}

/** The machine whose bits the golden outputs are: they repeat bit for bit where this is equal, else within a tolerance. */
export interface GoldenProfile {
  readonly onnxruntime: string;
  readonly platform: string;
  readonly arch: string;
  readonly simd: string;
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Widest vector unit of the CPU, by which onnxruntime chooses its kernels and so the order of its sums. */
export function currentProfile(onnxruntime: string): GoldenProfile {
  let simd = "unknown";
  try {
    const flags = readFileSync("/proc/cpuinfo", "utf8");
    simd = /\bavx512f\b/.test(flags) ? "avx512" : /\bavx2\b/.test(flags) ? "avx2" : "sse";
  } catch {
    // Only Linux has the file; elsewhere the golden values are compared with a tolerance.
  }
  return { onnxruntime, platform: platform(), arch: arch(), simd };
}

/** Describes a built model and runs its golden inputs through onnxruntime-node. */
export async function makeArtefact(recipe: Recipe, { onnx, evaluation, golden }: BuiltModel): Promise<Artefact> {
  const runtime = await loadRuntime();
  const session = await openSession(runtime, onnx);
  const sets: CompactSet[] = [];
  for (const inputs of golden.map((set) => set.map(compactInput))) {
    sets.push({ inputs, outputs: await runCompact({ runtime, session, inputs }) });
  }
  await session.release();
  const io = toJson({ sets });
  const { verdict, modelHash, cid, bytes } = inspectModel(onnx);
  if (!verdict.admitted) throw new Error(`${recipe.name} would be refused: ${verdict.reason.code} ${verdict.reason.detail}`);
  const { sha256: dataSha256, ...data } = recipe.data;
  const card = toJson({
    name: recipe.name,
    task: recipe.task,
    sha256: modelHash.slice(2),
    cid,
    bytes,
    opset: OPSET,
    signature: verdict.signature,
    dataSha256,
    data,
    features: recipe.features,
    network: recipe.network,
    training: recipe.training,
    metrics: {
      ...evaluation,
      model: rounded(evaluation.model),
      baselines: Object.fromEntries(Object.entries(evaluation.baselines).map(([name, scores]) => [name, rounded(scores)])),
    },
    golden: { sha256: sha256Hex(Buffer.from(io)), profile: currentProfile(runtime.env.versions.node ?? "unknown") },
  });
  return { onnx, card, io };
}

/** Four digits: what the test cases support, and no more. */
function rounded(scores: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(scores).map(([name, value]) => [name, Math.round(value * 1e4) / 1e4]));
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
