import { join } from "node:path";
import type { Contract, Signer, TransactionReceipt } from "ethers";
import { fastKeccak } from "../app/hashing";
import { workerOf } from "../app/worker";
import { FolderSource } from "../availability/folderSource";
import { packageRoot } from "../deployment/artifacts";
import { contractOf, deployAssay } from "../deployment/deploy";
import type { DeploymentRecord } from "../deployment/record";
import { AssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import type { Answer, InferenceRequest } from "../domain/request";
import { measure } from "../enclave/measure/measure";
import { ephemeralPlatform } from "../enclave/platform/platform";
import type { Enclave, StatementSpan } from "../enclave/ports";
import { locateImage } from "../enclave/sandbox/image";
import { BASE_GAS, encodeOne, itemGas } from "../posting/encode";
import { type RefusalName, refusalName } from "../protocol/statement";
import { decodeTensorSet, type NamedTensor } from "../protocol/tensorSet";
import { accepted } from "./accepted";
import { type Asked, requestIn } from "./asked";
import { LevelZero } from "./levelZero";

export interface TestingOptions {
  /** Deploys, and governs what it deployed. A Hardhat signer; it needs a provider. */
  readonly deployer: Signer;
  /** Registers the enclave and posts answers; default: the deployer. */
  readonly operator?: Signer;
  /** Folder of .onnx files; default: the models of this package. */
  readonly modelsDir?: string;
}

/** What a consumer's constructor takes (`contracts/consumers/ConsumerPolicy.sol`): this enclave's profile, trust level 0. */
export interface TestingPolicy {
  readonly profile: Hex32;
  readonly imageId: Hex32;
  readonly minTrust: number;
  readonly callbackGas: number;
  readonly deadlineSeconds: number;
  readonly retrySeconds: number;
}

/** How one request ended. */
export type TestingAnswer = {
  readonly requestId: Hex32;
  /** Of the transaction that ended it; the consumer's callback ran in it. */
  readonly receipt: TransactionReceipt;
} & (
  | {
      readonly kind: "fulfilled";
      readonly outputs: readonly NamedTensor[];
      /** What became of the consumer's callback. A failed one does not undo the answer, so look here before you wonder. */
      readonly callback: "none" | "done" | "failed";
      /** The selector of the error that the callback failed with, 4 bytes; 0x00000000 where it gave none. */
      readonly callbackError?: string;
    }
  | { readonly kind: "refused"; readonly reason: RefusalName }
);

export type { Asked } from "./asked";

const STATEMENT_SECONDS = 3_600;
const MAX_MODEL_BYTES = 256 * 2 ** 20;

/** A whole Assay inside one Hardhat test. */
export interface TestingAssay {
  readonly record: DeploymentRecord;
  readonly hub: Contract;
  readonly registry: Contract;
  readonly policy: TestingPolicy;
  /**
   * Answers what a transaction asked: runs the real model in this process and lands the signed result, or the signed refusal.
   * It works at any block time and after a revert to a snapshot: the enclave registers a new key where the old one ended.
   * @param asked the transaction that made exactly one request, or the id of a request
   * @throws AssayError `TESTING_NO_REQUEST`, `TESTING_SEVERAL_REQUESTS`, `TESTING_RUN_FAILED`, `TESTING_MODELS_UNREADABLE`,
   * `TESTING_NOT_MINED`, and `TESTING_CALL_REFUSED` with the hub's typed error in its context, for instance for a request that was answered already
   */
  fulfill(asked: Asked | Promise<Asked>): Promise<TestingAnswer>;
  close(): Promise<void>;
}

/**
 * Deploys Assay on the signer's chain and starts an enclave in this process, for unit tests of consumers.
 * Nothing isolates that enclave: its documents carry level 0, which a registry takes on development chains only, and only if it was
 * deployed for it.
 */
export async function startAssay(options: TestingOptions): Promise<TestingAssay> {
  const { deployer, operator = deployer } = options;
  const platform = ephemeralPlatform();
  const imageId = platform.imageIdOf((await measure(locateImage(), 0)).pcrs);
  const record = await deployAssay({
    network: "testing",
    deployer,
    rootPublicKey: platform.rootKey,
    images: [imageId],
    developmentLevelAllowed: true,
  });
  const [hub, registry] = [
    contractOf(record, "InferenceHub", operator),
    contractOf(record, "EnclaveRegistry", operator),
  ];
  const levelZero = new LevelZero({ record, platform, operator });
  const { runtimeProfile } = (await levelZero.live()).description;
  const models = new FolderSource({
    folder: options.modelsDir ?? join(packageRoot(), "models"),
    maxBytes: MAX_MODEL_BYTES,
  });
  const keccak256 = await fastKeccak();
  return {
    record,
    hub,
    registry,
    policy: {
      profile: runtimeProfile,
      imageId,
      minTrust: 0,
      callbackGas: 400_000,
      deadlineSeconds: 3_600,
      retrySeconds: 3_600,
    },
    fulfill: async (asked) => {
      const request = await requestIn({ asked, hub, record, operator, keccak256 });
      const enclave = await levelZero.live();
      const chainNow = await blockTime(operator);
      // The hub judges the deadline, with its own error; the statement need not end with it.
      const span = { chainNow, notAfter: chainNow + STATEMENT_SECONDS };
      const answer = await answerOf({ enclave, models, request, span });
      const data = encodeOne({ request, answer });
      const gasLimit = BASE_GAS + itemGas({ request, answer });
      const receipt = await accepted({ contract: hub, sender: operator, data, gasLimit });
      const { requestId } = request;
      if (answer.kind === "result")
        return {
          kind: "fulfilled",
          requestId,
          receipt,
          outputs: decodeTensorSet(answer.output),
          ...callbackOf({ hub, request, receipt }),
        };
      return { kind: "refused", requestId, receipt, reason: refusalName(answer.reason) };
    },
    close: () => levelZero.close(),
  };
}

async function blockTime(signer: Signer): Promise<number> {
  return (await signer.provider?.getBlock("latest"))?.timestamp ?? 0;
}

function callbackOf(args: { hub: Contract; request: InferenceRequest; receipt: TransactionReceipt }): {
  callback: "none" | "done" | "failed";
  callbackError?: string;
} {
  if (args.request.terms.callbackGas === 0) return { callback: "none" };
  for (const log of args.receipt.logs) {
    // The record spells addresses in lower case, ethers with their checksum.
    const ofHub = log.address.toLowerCase() === String(args.hub.target).toLowerCase();
    const event = ofHub ? args.hub.interface.parseLog(log) : null;
    if (event?.name === "CallbackFailed" && event.args.requestId === args.request.requestId)
      return { callback: "failed", callbackError: event.args.reason as string };
  }
  return { callback: "done" };
}

async function answerOf(args: {
  enclave: Enclave;
  models: FolderSource;
  request: InferenceRequest;
  span: StatementSpan;
}): Promise<Answer> {
  const { enclave, models, request, span } = args;
  const found = await models.fetch(request.modelHash);
  if (!found.ok && found.failure.code !== "MODEL_NOT_FOUND") {
    const { code, detail } = found.failure;
    throw new AssayError({ code: "TESTING_MODELS_UNREADABLE", message: `${code}: ${detail}`, context: { code } });
  }
  const worker = workerOf(enclave, () => span);
  const outcome = await (found.ok ? worker.run(request, found.bytes) : worker.refuse(request, "MODEL_UNKNOWN"));
  if (outcome.ok) return outcome.answer;
  const { code, detail } = outcome.failure;
  throw new AssayError({ code: "TESTING_RUN_FAILED", message: `${code}: ${detail}`, context: { code } });
}
