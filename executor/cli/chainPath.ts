import { createHash } from "node:crypto";
import type { AssayClient } from "../client/index";
import type { InferencePath, PathOutcome } from "../conformance/run";
import { AssayError, isAssayError } from "../domain/errors";
import { type Hex32, hex32 } from "../domain/ids";
import { refusalName } from "../protocol/statement";
import type { NamedTensor } from "../protocol/tensorSet";

export interface ChainPathParts {
  readonly client: AssayClient;
  readonly rewardWei: bigint;
  /** Weakest trust level that may answer. */
  readonly minTrust: number;
  readonly timeoutMs: number;
  /** Brings the model to where the executor finds it; left out where that is the operator's business. */
  readonly offer?: (modelHash: Hex32, model: Uint8Array) => void;
  /** Rejects when there is nobody left to answer. */
  readonly failed?: Promise<never>;
}

/** The whole way of a request: the hub's event, whoever serves it, the fulfilment's calldata, and every check of `assay verify` on it. */
export function chainPath(parts: ChainPathParts): InferencePath {
  const { client, rewardWei, minTrust, timeoutMs, offer, failed } = parts;
  const run = async (model: Uint8Array, inputs: readonly NamedTensor[]): Promise<PathOutcome> => {
    const modelHash = hex32(`0x${createHash("sha256").update(model).digest("hex")}`);
    offer?.(modelHash, model);
    try {
      const asked = await client.request({
        model: modelHash,
        inputs,
        rewardWei,
        terms: { minTrust },
        ...(inputs.length === 0 ? { takesNoInput: true } : {}),
      });
      return await ending(asked, timeoutMs);
    } catch (error) {
      if (isAssayError(error, "CLIENT_INPUT_TOO_LARGE"))
        return { kind: "refused", reason: `${error.code}: ${error.message}` };
      throw isAssayError(error) ? error : notSent(error);
    }
  };
  return {
    run: (model, inputs) => (failed === undefined ? run(model, inputs) : Promise.race([run(model, inputs), failed])),
  };
}

type Asked = Awaited<ReturnType<AssayClient["request"]>>;

async function ending(asked: Asked, timeoutMs: number): Promise<PathOutcome> {
  const end = await asked.wait({ timeoutMs });
  const { requestId } = asked;
  switch (end.kind) {
    case "refused":
      return { kind: "refused", reason: reasonOf(end.reason) };
    case "refunded":
      return { kind: "failed", reason: `REFUNDED: nobody answered before the deadline (request ${requestId})` };
    case "pending":
      return {
        kind: "failed",
        reason: `NO_ANSWER: nothing came within ${timeoutMs / 1_000} s; is an executor running, is the reward enough, does the answer fit a transaction? (request ${requestId})`,
      };
    case "fulfilled":
      if (end.verdict !== "verified" || end.outputs === undefined)
        return { kind: "failed", reason: `NOT_VERIFIED: the answer is ${end.verdict}: assay verify ${requestId}` };
      return { kind: "answered", outputs: end.outputs };
  }
}

/** The chain has a number; who reads it wants the word, and for one of them what to do. */
function reasonOf(reason: number): string {
  const name = refusalName(reason);
  return name === "MODEL_UNKNOWN"
    ? `${name}: the executor does not have this model; put the file into its --models-dir`
    : name;
}

/** What ethers throws holds the whole transaction; one sentence of it is for people. */
function notSent(cause: unknown): AssayError {
  const { shortMessage, message } = cause as { shortMessage?: unknown; message?: unknown };
  return new AssayError({
    code: "CLI_REQUEST_NOT_SENT",
    message: `the request was not sent: ${String(shortMessage ?? message).slice(0, 300)}`,
    cause,
  });
}
