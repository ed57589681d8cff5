import { AbiCoder, id } from "ethers";
import { AssayError } from "../../../executor/domain/errors";
import type { Hex32, HexBytes } from "../../../executor/domain/ids";
import { hex32 } from "../../../executor/domain/ids";
import type { BlockTag, ChainHeader, ChainLog, ChainSource } from "../../../executor/intake/ports";
import { bytesToHex } from "../../../executor/protocol/bytes";
import { domainSeparator, keccak256, requestIdOf } from "../../../executor/protocol/statement";
import { encodeTerms, standardTerms } from "../../../executor/protocol/terms";
import { HUB, h } from "../jobs/fixtures";

export const IDENTITY = {
  chainId: 31337n,
  hub: HUB,
  domain: domainSeparator({ name: "Assay", chainId: 31337n, contract: HUB }),
  keccak256,
};
const REQUESTED = hex32(id("Requested(bytes32,address,bytes32,bytes32,uint96,bytes,bytes)"));
const FULFILLED = hex32(id("Fulfilled(bytes32,address,bytes32)"));
const EMPTY_BLOOM = `0x${"00".repeat(256)}` as HexBytes;
const FULL_BLOOM = `0x${"ff".repeat(256)}` as HexBytes;

type Event = Omit<ChainLog, "blockNumber" | "blockHash" | "logIndex">;

export function requestedEvent(salt: string, options: { version?: number } = {}): { requestId: Hex32; event: Event } {
  const requester = hex32(`0x${"00".repeat(12)}${"11".repeat(20)}`);
  const terms = encodeTerms(standardTerms({ deadline: 50_000 }));
  if (options.version !== undefined) terms[0] = options.version;
  const input = new Uint8Array([1, 2]);
  const preimage = {
    requester: `0x${"11".repeat(20)}` as never,
    salt: h(salt),
    modelHash: h("model"),
    inputHash: keccak256(input),
    terms,
    rewardWei: 7n,
  };
  const requestId = requestIdOf(IDENTITY.domain, preimage);
  const data = AbiCoder.defaultAbiCoder().encode(
    ["bytes32", "uint96", "bytes", "bytes"],
    [h(salt), 7n, bytesToHex(terms), bytesToHex(input)],
  ) as HexBytes;
  return {
    requestId,
    event: {
      address: HUB,
      topics: [REQUESTED, requestId, requester, h("model")],
      data,
      transactionHash: h(`tx/${salt}`),
    },
  };
}

export function fulfilledEvent(requestId: Hex32): Event {
  const signer = hex32(`0x${"00".repeat(12)}${"22".repeat(20)}`);
  return {
    address: HUB,
    topics: [FULFILLED, requestId, signer],
    data: h("statement"),
    transactionHash: h(`end/${requestId}`),
  };
}

/** A chain in memory, with a node's bad habits to switch on. */
export class FakeChain implements ChainSource {
  blocks: { header: ChainHeader; logs: ChainLog[] }[] = [];
  hidesLogs = false;
  largestRange = Number.POSITIVE_INFINITY;
  distrusted: string[] = [];
  exchanges = 0;

  constructor(readonly name = "main") {
    this.mine();
  }

  mine(events: readonly Event[] = [], branch = this.name): this {
    const number = this.blocks.length;
    const parentHash = this.blocks.at(-1)?.header.hash ?? h(`before/${this.name}`);
    const hash = h(`${branch}/${number}/${parentHash}/${events.length}`);
    const logs = events.map((event, logIndex) => ({ ...event, blockNumber: number, blockHash: hash, logIndex }));
    const header = {
      number,
      hash,
      parentHash,
      timestamp: 1_000 + number,
      logsBloom: logs.length > 0 ? FULL_BLOOM : EMPTY_BLOOM,
      baseFeePerGas: 1n,
    };
    this.blocks.push({ header, logs });
    return this;
  }

  cutTo(length: number): this {
    this.blocks = this.blocks.slice(0, length);
    return this;
  }

  async headers(tags: readonly BlockTag[]) {
    this.exchanges++;
    return tags.map((tag) => (tag === "latest" ? this.blocks.at(-1) : this.blocks[tag])?.header);
  }

  async window(args: { tags: readonly BlockTag[]; fromBlock: number; toBlock: number }) {
    if (args.toBlock - args.fromBlock + 1 > this.largestRange)
      throw new AssayError({ code: "RPC_ERROR", message: "refused", context: { code: -32005 } });
    const headers = await this.headers(args.tags);
    const logs = this.hidesLogs
      ? []
      : this.blocks.slice(args.fromBlock, args.toBlock + 1).flatMap((entry) => entry.logs);
    return { headers, logs };
  }

  async logsOf(hash: Hex32) {
    return this.hidesLogs ? [] : this.receiptLogsOf(hash);
  }

  async receiptLogsOf(hash: Hex32) {
    return this.blocks.find((entry) => entry.header.hash === hash)?.logs ?? [];
  }

  distrust(reason: string): void {
    this.distrusted.push(reason);
  }
}
