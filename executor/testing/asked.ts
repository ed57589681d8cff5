import type { Contract, Signer, TransactionReceipt, TransactionResponse } from "ethers";
import type { DeploymentRecord } from "../deployment/record";
import { AssayError } from "../domain/errors";
import { type Address, type Hex32, hex32 } from "../domain/ids";
import type { InferenceRequest } from "../domain/request";
import { decodeLogs } from "../intake/events";
import { domainSeparator } from "../protocol/statement";

/** A transaction that made one request, sent or mined, or a request id of 32 bytes in hex. */
export type Asked = TransactionResponse | TransactionReceipt | string;

/** The one request that is meant, read from the hub's event as the daemon reads it. */
export async function requestIn(args: {
  asked: Asked | Promise<Asked>;
  hub: Contract;
  record: DeploymentRecord;
  operator: Signer;
  keccak256: (bytes: Uint8Array) => Hex32;
}): Promise<InferenceRequest> {
  const { record, operator } = args;
  const { receipt, requestId } = await minedIn({ ...args, fromBlock: record.contracts.InferenceHub.block });
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

/** The mined transaction that asked, and which of its requests is meant where one was named. */
async function minedIn(args: {
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
