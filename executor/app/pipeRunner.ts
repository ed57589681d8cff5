import { id } from "ethers";
import { address, ZERO_32, ZERO_ADDRESS } from "../domain/ids";
import type { Inference, PortableAnswer } from "../domain/inference";
import type { RunFailure } from "../domain/request";
import type { MatchRequest } from "../matching/ports";
import { placeholderOf } from "../pipe/placeholder";
import type { InferenceOutcome, InferenceRunner } from "../pipe/ports";
import { inspectModel } from "../protocol/onnx/inspect";
import { refusalName } from "../protocol/statement";
import type { Chooser, Picked } from "./chooser";
import type { DispatcherOptions } from "./dispatcher";

/** How long a portable statement is good for, unless the key's epoch ends sooner. */
const STATEMENT_SECONDS = 3_600;
/** An input that ended this many runners is not tried on another. */
const MAX_BLAMED = 2;
const BLAMED: Partial<Record<RunFailure["code"], string>> = { RUNNER_DIED: "RUN_FAILED", RUN_TIMEOUT: "RUN_LIMIT" };
/** Reposting margin and reward say nothing here: whoever brings a result pays for it, and nothing is posted by us for nothing. */
const DEMANDS = { postingMarginSeconds: 0, minRewardWei: 0n, allowLoss: true } as const;

/** The fleet as PIPE uses it: the same matching as for requests on the chain, and statements that name nobody. */
export function pipeRunner(args: {
  readonly chooser: Pick<Chooser, "pick" | "finished">;
  readonly model: DispatcherOptions["model"];
}): InferenceRunner {
  const { chooser, model } = args;
  return {
    run: async ({ inference, feeWei, asker, deadline, signal }) => {
      const found = await model(inference.modelHash);
      if (!found.ok) {
        const { code } = found.failure;
        return { ok: false, kind: code === "MODEL_NOT_FOUND" ? "refused" : "unavailable", reason: code };
      }
      const asked = matchRequestFor(inference, feeWei, asker, deadline);
      for (let blamed = 0; ; ) {
        const picked = chooser.pick(asked, found.bytes.length, DEMANDS);
        if (!picked.ok)
          return {
            ok: false,
            kind: picked.retryAfterMs === undefined ? "refused" : "unavailable",
            reason: picked.reason,
          };
        const outcome = await runOn(picked, { chooser, asked, inference, feeWei, bytes: found.bytes, signal });
        if (outcome.ok || outcome.kind === "refused" || !(outcome.reason in BLAMED)) return outcome;
        blamed++;
        if (blamed >= MAX_BLAMED)
          return { ok: false, kind: "refused", reason: BLAMED[outcome.reason as RunFailure["code"]] ?? outcome.reason };
      }
    },
    placeholder: async (modelHash, fill) => {
      const found = await model(modelHash);
      if (!found.ok) return undefined;
      const { verdict } = inspectModel(found.bytes);
      return verdict.admitted ? placeholderOf(verdict.signature, fill) : undefined;
    },
  };
}

async function runOn(
  { member, head }: Extract<Picked, { ok: true }>,
  task: {
    readonly chooser: Pick<Chooser, "finished">;
    readonly asked: MatchRequest;
    readonly inference: Inference;
    readonly feeWei: bigint;
    readonly bytes: Uint8Array;
    readonly signal: AbortSignal;
  },
): Promise<InferenceOutcome> {
  const { chooser, asked, inference, feeWei } = task;
  const { signer, imageId } = member.enclave.description;
  const began = Date.now();
  const outcome = await member.enclave.run(
    {
      requestId: ZERO_32,
      requester: ZERO_ADDRESS,
      modelHash: inference.modelHash,
      input: inference.input,
      contextRoot: ZERO_32,
      feeWei,
      chainNow: head.timestamp,
      notAfter: Math.min(member.epochEnd, head.timestamp + STATEMENT_SECONDS),
    },
    task.bytes,
    task.signal,
  );
  const report = outcome.ok
    ? ({ ok: true, runMs: Date.now() - began } as const)
    : ({ ok: false, code: outcome.failure.code } as const);
  chooser.finished(signer, asked, report);
  if (!outcome.ok) return { ok: false, kind: "unavailable", reason: outcome.failure.code };
  if (outcome.answer.kind === "refusal")
    return { ok: false, kind: "refused", reason: refusalName(outcome.answer.reason) };
  const { runtimeProfile, issuedAt, expiresAt, output, proof } = outcome.answer;
  const { modelHash, inputHash } = inference;
  const answer: PortableAnswer = {
    modelHash,
    inputHash,
    signer,
    trust: member.trust,
    imageId,
    runtimeProfile,
    feeWei,
    issuedAt,
    expiresAt,
    output,
    proof,
  };
  return { ok: true, answer };
}

/** The question as the matching sees it. An API key stands for its holder by a hash, so that its failures are its own. */
function matchRequestFor(inference: Inference, feeWei: bigint, asker: string, deadline: number): MatchRequest {
  const { key, modelHash, inputHash, input, terms } = inference;
  return {
    requestId: key,
    requester: asker.startsWith("0x") && asker.length === 42 ? address(asker) : address(`0x${id(asker).slice(-40)}`),
    modelHash,
    inputHash,
    inputBytes: input.length,
    rewardWei: feeWei,
    deadline,
    ...terms,
    contextRoot: ZERO_32,
    assignedOperator: 0,
    proofKind: 0,
    inputKind: 0,
    callbackGas: 0,
  };
}
