import { hexlify, randomBytes, type Signer, type TransactionReceipt } from "ethers";
import { contractOf } from "../deployment/deploy";
import { checkDeployment, type DeploymentRecord, readDeployment } from "../deployment/record";
import { AssayError, isAssayError } from "../domain/errors";
import { TRANSACTION_GAS_CAP } from "../domain/gas";
import { type Hex32, hex32, ZERO_32 } from "../domain/ids";
import type { Check, Verdict } from "../explain/checks";
import { STATUS_NAMES } from "../explain/ending";
import type { ExplainChain } from "../explain/ports";
import { ChainReader, HUB } from "../explain/reader";
import { verifyRequest } from "../explain/verifyRequest";
import { decodeTensorSet, encodeTensorSet, type NamedTensor } from "../protocol/tensorSet";
import { encodeTerms, standardTerms, type Terms } from "../protocol/terms";
import { gasUsedBy, providerChain } from "./chain";
import { pause } from "./pause";
import { requestGas } from "./requestGas";

export { REFUSAL_REASON } from "../protocol/statement";
export type { NamedTensor } from "../protocol/tensorSet";
export { DType } from "../protocol/tensorType";
export { elementsOf, numbersOf, stringTensor, tensorFrom } from "../protocol/tensorValues";
export {
  type BundleOptions,
  type IntentWish,
  type PipeCall,
  PipeClient,
  type PipeClientOptions,
  type PreparedBundle,
  type PreparedResults,
  type PrepareOptions,
  type SignedIntent,
} from "./pipe";
export type { PipeEnd } from "./pipeEnd";
export type { PipeClientStatus } from "./pipeEngine";
export { bool, float32, float64, int32, int64, uint8 } from "./tensors";

export interface ClientOptions {
  /** Whoever asks and pays; its provider must speak JSON-RPC (`send`). */
  readonly signer: Signer;
  /** The record itself, or the file that holds it (`deployments/<network>.json`). */
  readonly deployment: DeploymentRecord | string;
}

export interface InferenceArgs {
  /** sha-256 of the ONNX file. */
  readonly model: string;
  /** In the model's declared order, each under its name. */
  readonly inputs: readonly NamedTensor[];
  /** Says that the model takes no input; without it an empty list is refused, since it is a mistake more often. */
  readonly takesNoInput?: true;
  /** Escrowed for whoever answers; back after the deadline if nobody does. `assay quote` says what covers the gas. */
  readonly rewardWei: bigint;
  /** What differs from the standard terms. Default deadline: one hour of block time from now. */
  readonly terms?: Partial<Terms>;
}

/** How a request ended, as far as it was seen. `pending` says that the wait was over first: the request may still end in any way. */
export type InferenceEnd =
  | { readonly kind: "pending" }
  | { readonly kind: "refunded" }
  /** `reason` is a value of `REFUSAL_REASON`. */
  | { readonly kind: "refused"; readonly reason: number; readonly transactionHash: Hex32 }
  | {
      readonly kind: "fulfilled";
      /** Undefined where a contract composed the answer inside a transaction: its calldata does not carry it, only a trace shows it. */
      readonly outputs: readonly NamedTensor[] | undefined;
      /** What became of the requester's callback; a failed one does not undo the answer. */
      readonly callback: "none" | "done" | "failed" | "retried";
      readonly signer: string;
      /** Trust level the chain gave the signer's key: 4 hardware-rooted, 3 to 1 software; undefined if its registration was not found. */
      readonly trust: number | undefined;
      readonly transactionHash: Hex32;
      /** Of the whole transaction, which may have ended other requests too, and ran the callback. */
      readonly gasUsed: bigint;
      /** What `assay verify` says of it: every hash, signature and attestation was checked again from chain data. */
      readonly verdict: Verdict;
      readonly checks: readonly Check[];
    };

/** A request that is on the chain. */
export interface AskedInference {
  readonly requestId: Hex32;
  readonly receipt: TransactionReceipt;
  /**
   * Waits until the request has ended, by default 120 seconds. A wait that is over, or aborted, gives `pending` and can be repeated.
   * A node that does not answer for a while is asked again; its error is thrown only if it is silent when the time is over.
   * @throws AssayError `CLIENT_ANSWER_REFUTED` when a check fails: the node, or whoever stands before it, shows what the chain can not hold
   */
  wait(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<InferenceEnd>;
}

const OPEN = STATUS_NAMES.indexOf("open");
const POLL_MS = 200;
const WAIT_MS = 120_000;
const HOUR_SECONDS = 3_600;

/** Asks models over the chain and hands back answers that it has checked itself. The executor is asked nothing and believed nothing. */
export class AssayClient {
  private constructor(
    private readonly record: DeploymentRecord,
    private readonly signer: Signer,
    private readonly chain: ExplainChain,
  ) {}

  /**
   * Compares the deployment with the chain before anything is sent.
   * @throws AssayError `CLIENT_NO_PROVIDER`, and those of the record (`DEPLOYMENT_…`)
   */
  static async connect(options: ClientOptions): Promise<AssayClient> {
    const { signer, deployment } = options;
    const chain = providerChain(signer.provider);
    const record = typeof deployment === "string" ? readDeployment(deployment) : deployment;
    await checkDeployment(record, new ChainReader(chain));
    return new AssayClient(record, signer, chain);
  }

  /**
   * Makes a request and waits until it is mined.
   * @throws AssayError `CLIENT_MODEL_INVALID`, `CLIENT_NO_INPUT`, `CLIENT_INPUT_TOO_LARGE`, `CLIENT_NOT_MINED`, `TERMS_…`, `TENSOR_…`
   */
  async request(args: InferenceArgs): Promise<AskedInference> {
    const modelHash = modelOf(args.model);
    if (args.inputs.length === 0 && args.takesNoInput !== true)
      throw new AssayError({ code: "CLIENT_NO_INPUT", message: "a request needs at least one input tensor" });
    const { timestamp } = await new ChainReader(this.chain).block("latest");
    const terms = standardTerms({ deadline: timestamp + HOUR_SECONDS, ...args.terms });
    const hub = contractOf(this.record, "InferenceHub", this.signer);
    const input = encodeTensorSet(args.inputs);
    demandRoom(input);
    const sent = await hub
      .getFunction("request")
      .send(modelHash, hexlify(input), hexlify(encodeTerms(terms)), hexlify(randomBytes(32)), {
        value: args.rewardWei,
      });
    const receipt = await sent.wait();
    const log = receipt?.logs.find(
      (entry) => entry.address.toLowerCase() === this.record.contracts.InferenceHub.address,
    );
    if (receipt === null || log === undefined)
      throw new AssayError({
        code: "CLIENT_NOT_MINED",
        message: "the request was not mined; look for it before asking again",
        retry: "unknown",
      });
    return this.follow(hex32(log.topics[1]), receipt);
  }

  private follow(requestId: Hex32, receipt: TransactionReceipt): AskedInference {
    return {
      requestId,
      receipt,
      wait: async ({ timeoutMs = WAIT_MS, signal } = {}) => {
        const until = Date.now() + timeoutMs;
        for (;;) {
          const last = Date.now() >= until || signal?.aborted === true;
          try {
            const end = await this.endOf(requestId);
            if (end !== undefined) return end;
          } catch (error) {
            // A failed read is no absence, and no failure of the request either.
            if (last || !isAssayError(error) || error.retry !== "later") throw error;
          }
          if (last) return { kind: "pending" };
          await pause(Math.min(POLL_MS, Math.max(until - Date.now(), 0)), signal);
        }
      },
    };
  }

  /** Undefined while the node that was asked does not show an end. */
  private async endOf(requestId: Hex32): Promise<InferenceEnd | undefined> {
    const reader = new ChainReader(this.chain);
    const hub = { contract: HUB, at: this.record.contracts.InferenceHub.address };
    const [stored] = await reader.view(hub, "statusOf", [requestId]);
    if (Number(stored) <= OPEN) return undefined;
    const found = await verifyRequest({ rpc: this.chain, deployment: this.record, requestId });
    const { status, verdict, checks, request, ending, answer, enclave } = found;
    // Behind one address may be several nodes; one that lags shows the request and not yet its end.
    if (request !== undefined && ending === undefined) return undefined;
    if (verdict === "failed") {
      const failed = checks.filter(({ ok }) => ok === false);
      throw new AssayError({
        code: "CLIENT_ANSWER_REFUTED",
        message: `what the node shows of ${requestId} does not hold: ${failed.map(({ name }) => name).join(", ")}`,
        context: { requestId, failed },
      });
    }
    if (status === "refunded") return { kind: "refunded" };
    const transactionHash = ending?.log.transactionHash;
    if (transactionHash === undefined) return undefined;
    if (status === "refused") return { kind: "refused", reason: ending?.reason ?? 0, transactionHash };
    return {
      kind: "fulfilled",
      outputs: answer?.output === undefined ? undefined : decodeTensorSet(answer.output),
      callback: ending?.callback ?? "none",
      signer: ending?.signer ?? "",
      trust: enclave?.trust,
      transactionHash,
      gasUsed: await gasUsedBy(this.chain, transactionHash),
      verdict,
      checks,
    };
  }
}

/** @throws AssayError `CLIENT_INPUT_TOO_LARGE` for an input whose request no block takes, however much is paid */
function demandRoom(input: Uint8Array): void {
  const gas = requestGas(input);
  if (gas <= TRANSACTION_GAS_CAP) return;
  throw new AssayError({
    code: "CLIENT_INPUT_TOO_LARGE",
    message: `an input of ${input.length} bytes needs ${gas} gas in one transaction, which may use ${TRANSACTION_GAS_CAP}; ask with a smaller input`,
    context: { bytes: input.length, gas, cap: TRANSACTION_GAS_CAP },
  });
}

/** @throws AssayError `CLIENT_MODEL_INVALID` for what is no sha-256 */
function modelOf(model: string): Hex32 {
  try {
    const hash = hex32(model);
    if (hash !== ZERO_32) return hash;
  } catch (error) {
    if (!isAssayError(error, "ID_MALFORMED")) throw error;
  }
  throw new AssayError({
    code: "CLIENT_MODEL_INVALID",
    message: "a model is named by the sha-256 of its ONNX file, 0x and 64 hex digits",
    context: { model },
  });
}
