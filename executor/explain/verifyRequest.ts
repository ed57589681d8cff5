import { createHash } from "node:crypto";
import { checkDeployment, type DeploymentRecord } from "../deployment/record";
import { isAssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import { domainSeparator } from "../protocol/statement";
import { explainAnswer, type FoundAnswer } from "./answer";
import type { RegisteredKey } from "./attestation";
import { type Check, Checks, type Verdict } from "./checks";
import type { FoundRequest, Inquiry } from "./context";
import { explainEnclave } from "./enclave";
import { explainEnding, type FoundEnding, STATUS_NAMES, type StatusName, storedState } from "./ending";
import { explainPayment } from "./payment";
import type { ExplainChain } from "./ports";
import { ChainReader } from "./reader";
import { explainRequest } from "./request";

/** Why one request ended as it did, each step checked again. Parts that could not be found are undefined. */
export interface Explanation {
  readonly requestId: Hex32;
  readonly verdict: Verdict;
  readonly status: StatusName;
  readonly checks: readonly Check[];
  readonly request: FoundRequest | undefined;
  readonly ending: FoundEnding | undefined;
  readonly answer: FoundAnswer | undefined;
  readonly enclave: RegisteredKey | undefined;
}

export interface VerifyOptions {
  readonly rpc: ExplainChain;
  readonly deployment: DeploymentRecord;
  readonly requestId: Hex32;
  /** The ONNX file, if it is at hand. */
  readonly model?: Uint8Array;
}

/**
 * Checks a request again from chain data alone: nothing of the executor is asked or believed. What remains trusted is the RPC node's word on
 * what the chain holds; ask another one to be rid of that.
 * @throws AssayError the codes of a failed read (`RPC_…`, `EXPLAIN_READ_MISSING`); a failed *check* is a row, never an error
 */
export async function verifyRequest(options: VerifyOptions): Promise<Explanation> {
  const { deployment, requestId } = options;
  const reader = new ChainReader(options.rpc);
  const checks = new Checks();
  const found: Partial<Pick<Explanation, "request" | "ending" | "answer" | "enclave">> = {};
  const done = (status: StatusName, parts: typeof found): Explanation => ({
    requestId,
    verdict: checks.verdict,
    status,
    checks: checks.rows,
    request: parts.request,
    ending: parts.ending,
    answer: parts.answer,
    enclave: parts.enclave,
  });

  if (!(await explainDeployment(reader, deployment, checks))) return done("none", found);
  const domain = domainSeparator({
    name: "Assay",
    chainId: BigInt(deployment.chainId),
    contract: deployment.contracts.InferenceHub.address,
  });
  const inquiry: Inquiry = { reader, deployment, requestId, domain, head: await reader.block("latest"), checks };
  const status = STATUS_NAMES[(await storedState(inquiry)).status] ?? "none";
  const request = await explainRequest(inquiry);
  if (request === undefined) return done(status, found);
  const ending = await explainEnding(inquiry, request);
  if (ending === undefined) return done(status, { request });
  const answer = ending.signer === undefined ? undefined : await explainAnswer(inquiry, request, ending);
  const enclave =
    ending.signer === undefined ? undefined : await explainEnclave(inquiry, { request, ending, signer: ending.signer });
  await explainPayment(inquiry, { request, ending, operatorId: enclave?.operatorId });
  if (ending.kind === "fulfilled") checks.that("callback", true, CALLBACK_DETAIL[ending.callback]);
  if (ending.kind === "fulfilled") explainModel(checks, { request, answer, model: options.model });
  return done(status, { request, ending, answer, enclave });
}

const CALLBACK_DETAIL: Readonly<Record<FoundEnding["callback"], string>> = {
  none: "none was asked for",
  done: "ran",
  failed: "failed; the operator was paid all the same, and until retryUntil it may be run again",
  retried: "failed at first and ran when it was retried",
};

async function explainDeployment(reader: ChainReader, deployment: DeploymentRecord, checks: Checks): Promise<boolean> {
  try {
    await checkDeployment(deployment, reader);
    return checks.that(
      "deployment",
      true,
      `chain ${deployment.chainId}, hub ${deployment.contracts.InferenceHub.address}, genesis and code as recorded`,
    );
  } catch (error) {
    if (!isAssayError(error) || !error.code.startsWith("DEPLOYMENT_")) throw error;
    return checks.that("deployment", false, `${error.code}: ${error.message}`);
  }
}

/** The enclave vouches for the computation; whoever wants to see it repeated needs the model's bytes and the same profile. */
function explainModel(
  checks: Checks,
  args: { request: FoundRequest; answer: FoundAnswer | undefined; model: Uint8Array | undefined },
): void {
  const { request, answer, model } = args;
  if (model === undefined) {
    checks.that("model.bytes", null, `give the ONNX file with sha-256 ${request.modelHash} to check it`);
    return;
  }
  const actual = `0x${createHash("sha256").update(model).digest("hex")}`;
  if (actual !== request.modelHash) {
    checks.that("model.bytes", false, `expected ${request.modelHash}, found ${actual}`);
    return;
  }
  const profile = answer?.statement?.runtimeProfile ?? "unknown";
  checks.that(
    "model.bytes",
    true,
    `${actual}; to replay, run it on the input above in an enclave with runtime profile ${profile}: outputs are bit-equal inside one profile, not across`,
  );
}
