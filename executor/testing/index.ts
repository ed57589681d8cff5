import { join } from "node:path";
import type { Contract, Signer, TransactionReceipt, TransactionResponse } from "ethers";
import { fastKeccak } from "../app/hashing";
import { FolderSource } from "../availability/folderSource";
import { packageRoot } from "../deployment/artifacts";
import { contractOf, deployAssay } from "../deployment/deploy";
import type { DeploymentRecord } from "../deployment/record";
import { AssayError } from "../domain/errors";
import { type Address, type Hex32, hex32 } from "../domain/ids";
import type { InferenceRequest } from "../domain/request";
import { measure } from "../enclave/measure/measure";
import { ephemeralPlatform } from "../enclave/platform/platform";
import type { Enclave } from "../enclave/ports";
import { locateImage } from "../enclave/sandbox/image";
import { decodeLogs } from "../intake/events";
import { encodeOne, itemGas } from "../posting/encode";
import { domainSeparator, REFUSAL_REASON } from "../protocol/statement";
import { decodeTensorSet, type NamedTensor } from "../protocol/tensorSet";
import { accepted } from "./accepted";
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
  | { readonly kind: "refused"; readonly reason: keyof typeof REFUSAL_REASON | "UNKNOWN" }
);

/** A transaction that made one request, sent or mined, or a request id of 32 bytes in hex. */
export type Asked = TransactionResponse | TransactionReceipt | string;

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
   * @throws AssayError `TESTING_NO_REQUEST`, `TESTING_SEVERAL_REQUESTS`, `TESTING_RUN_FAILED`, `TESTING_NOT_MINED`, and `TESTING_CALL_REFUSED` with
   * the hub's typed error in its context, for instance for a request that was answered already
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
    maxBytes: 256 * 2 ** 20,
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
      const receiptOf = await askedIn({ asked, hub, fromBlock: record.contracts.InferenceHub.block });
      const request = await requestIn({ ...receiptOf, record, operator, keccak256 });
      const enclave = await levelZero.live();
      const chainNow = await blockTime(operator);
      const span = { chainNow, notAfter: Math.min(request.terms.deadline + 1, chainNow + 3_600) };
      const answer = await answerOf({ enclave, models, request, span });
      const data = encodeOne({ request, answer });
      const gasLimit = 21_000n + itemGas({ request, answer });
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
      const names = Object.keys(REFUSAL_REASON) as (keyof typeof REFUSAL_REASON)[];
      return {
        kind: "refused",
        requestId,
        receipt,
        reason: names.find((name) => REFUSAL_REASON[name] === answer.reason) ?? "UNKNOWN",
      };
    },
    close: () => levelZero.close(),
  };
}

async function blockTime(signer: Signer): Promise<number> {
  return (await signer.provider?.getBlock("latest"))?.timestamp ?? 0;
}

/** The mined transaction that asked, and which of its requests is meant where one was named. */
async function askedIn(args: {
  asked: Asked | Promise<Asked>;
  hub: Contract;
  fromBlock: number;
}): Promise<{ receipt: TransactionReceipt; requestId: string | undefined }> {
  const { hub, fromBlock } = args;
  const asked = await args.asked;
  if (typeof asked !== "string") {
    const receipt = "logs" in asked ? asked : await asked.wait();
    if (receipt === null)
      throw new AssayError({ code: "TESTING_NOT_MINED", message: "the asking transaction is not mined" });
    return { receipt, requestId: undefined };
  }
  const requestId = hex32(asked);
  const [event] = await hub.queryFilter(hub.getEvent("Requested")(requestId), fromBlock);
  if (event === undefined)
    throw new AssayError({
      code: "TESTING_NO_REQUEST",
      message: "the testing hub has no request of this id",
      context: { requestId },
    });
  return { receipt: await event.getTransactionReceipt(), requestId };
}

function callbackOf(args: { hub: Contract; request: InferenceRequest; receipt: TransactionReceipt }): {
  callback: "none" | "done" | "failed";
  callbackError?: string;
} {
  if (args.request.terms.callbackGas === 0) return { callback: "none" };
  for (const log of args.receipt.logs) {
    const event = log.address === args.hub.target ? args.hub.interface.parseLog(log) : null;
    if (event?.name === "CallbackFailed" && event.args.requestId === args.request.requestId)
      return { callback: "failed", callbackError: event.args.reason as string };
  }
  return { callback: "done" };
}

async function requestIn(args: {
  receipt: TransactionReceipt;
  requestId: string | undefined;
  record: DeploymentRecord;
  operator: Signer;
  keccak256: (bytes: Uint8Array) => Hex32;
}): Promise<InferenceRequest> {
  const { receipt, requestId, record, operator } = args;
  const hub: Address = record.contracts.InferenceHub.address;
  const chainId = BigInt(record.chainId);
  const timestamp = (await operator.provider?.getBlock(receipt.blockNumber))?.timestamp ?? 0;
  const decoded = decodeLogs({
    logs: receipt.logs
      .filter((log) => log.address.toLowerCase() === hub)
      .map((log) => ({
        address: hub,
        topics: log.topics.map(hex32),
        data: log.data as `0x${string}`,
        blockNumber: log.blockNumber,
        blockHash: hex32(log.blockHash),
        transactionHash: hex32(log.transactionHash),
        logIndex: log.index,
      })),
    timestampOf: () => timestamp,
    identity: {
      chainId,
      hub,
      domain: domainSeparator({ name: "Assay", chainId, contract: hub }),
      keccak256: args.keccak256,
    },
  });
  const requests = decoded.requests.filter((found) => requestId === undefined || found.requestId === requestId);
  const [request, another] = requests;
  if (request === undefined)
    throw new AssayError({
      code: "TESTING_NO_REQUEST",
      message: "this transaction made no request at the testing hub",
    });
  if (another !== undefined)
    throw new AssayError({
      code: "TESTING_SEVERAL_REQUESTS",
      message: "this transaction made several requests; name the one to answer by its id",
    });
  return request;
}

async function answerOf(args: {
  enclave: Enclave;
  models: FolderSource;
  request: InferenceRequest;
  span: { chainNow: number; notAfter: number };
}) {
  const { enclave, models, request, span } = args;
  const found = await models.fetch(request.modelHash);
  if (!found.ok) {
    const refusal = await enclave.signRefusal({ requestId: request.requestId, reason: "MODEL_UNKNOWN", ...span });
    return { kind: "refusal" as const, signer: enclave.description.signer, ...refusal };
  }
  const outcome = await enclave.run(
    {
      requestId: request.requestId,
      requester: request.requester,
      modelHash: request.modelHash,
      input: request.input,
      contextRoot: request.terms.contextRoot,
      feeWei: 0n,
      ...span,
    },
    found.bytes,
  );
  if (outcome.ok) return outcome.answer;
  const { code, detail } = outcome.failure;
  throw new AssayError({ code: "TESTING_RUN_FAILED", message: `${code}: ${detail}`, context: { code } });
}
