import { Interface, type Result } from "ethers";
import type { RpcClient } from "../../executor/rpc/client";
import type { World } from "../../test/e2e/support/world";
import type { Planned } from "./requests";

const ENDINGS = ["Fulfilled", "Refused", "Refunded"] as const;

export interface Verdict {
  readonly lost: number;
  readonly double: number;
  readonly wrong: number;
  readonly fulfilled: number;
  readonly refused: number;
  /** Ids of requests that were mined and have no ending. */
  readonly open: readonly string[];
  /** What was wrong, one line each. */
  readonly findings: readonly string[];
}

interface Log {
  readonly topics: readonly string[];
  readonly transactionHash: string;
}

/** Reads from the chain alone what became of every request: the executor's own record is not asked. */
export class Judge {
  readonly #abi: Interface;
  readonly #topics: readonly string[];

  constructor(
    private readonly world: World,
    private readonly rpc: RpcClient,
  ) {
    this.#abi = new Interface(world.record.contracts.InferenceHub.abi as never);
    this.#topics = ENDINGS.map((name) => this.#abi.getEvent(name)?.topicHash ?? "");
  }

  async ended(): Promise<number> {
    return new Set((await this.#logs(this.#topics)).map((log) => log.topics[1])).size;
  }

  async verdict(planned: readonly Planned[]): Promise<Verdict> {
    const idOf = await this.#idsBySalt();
    const endings = new Map<string, Log[]>();
    for (const log of await this.#logs(this.#topics)) {
      const id = log.topics[1] ?? "";
      endings.set(id, [...(endings.get(id) ?? []), log]);
    }
    const outputs = await this.#outputsBySalt();
    const findings: string[] = [];
    const open: string[] = [];
    let [lost, double, wrong, fulfilled, refused, owed] = [0, 0, 0, 0, 0, 0n];
    for (const { salt, expected, rewardWei } of planned) {
      const own = endings.get(idOf.get(salt) ?? "") ?? [];
      const [first] = own;
      if (first === undefined) {
        lost++;
        const id = idOf.get(salt);
        if (id !== undefined) open.push(id);
        findings.push(`lost: request ${BigInt(salt)} ${id === undefined ? "is not in the chain" : "has no ending"}`);
        continue;
      }
      if (own.length > 1) {
        double++;
        findings.push(`double: request ${BigInt(salt)} ended ${own.length} times`);
      }
      const how = ENDINGS[this.#topics.indexOf(first.topics[0] ?? "")];
      if (how === "Fulfilled") {
        fulfilled++;
        owed += rewardWei;
      } else refused++;
      const right =
        expected.kind === "result"
          ? how === "Fulfilled" && outputs.get(salt)?.includes(expected.output) === true
          : how === "Refused";
      if (right) continue;
      wrong++;
      findings.push(`wrong: request ${BigInt(salt)} should be a ${expected.kind}, and is ${how}`);
    }
    const credit = (await this.world.hub.getFunction("operatorCreditOf").staticCall(1)) as bigint;
    if (credit !== owed) {
      double++;
      findings.push(`double: the operator has ${credit} wei for answers that pay ${owed}`);
    }
    return { lost, double, wrong, fulfilled, refused, open, findings };
  }

  #logs(topics: readonly string[]): Promise<Log[]> {
    const { address, block } = this.world.record.contracts.InferenceHub;
    const filter = { address, fromBlock: `0x${block.toString(16)}`, toBlock: "latest", topics: [topics] };
    return this.rpc.call<Log[]>("eth_getLogs", [filter]);
  }

  async #idsBySalt(): Promise<Map<string, string>> {
    const requested = this.#abi.getEvent("Requested");
    if (requested === null) throw new Error("the hub has no event Requested");
    const logs = (await this.#logs([requested.topicHash])) as (Log & { data: string })[];
    return new Map(
      logs.map((log) => [
        String(this.#abi.decodeEventLog(requested, log.data, [...log.topics])["salt"]),
        log.topics[1] ?? "",
      ]),
    );
  }

  /** What was landed for each request, from the calldata of every fulfilling transaction. */
  async #outputsBySalt(): Promise<Map<string, string[]>> {
    const hashes = new Set((await this.#logs([this.#topics[0] ?? ""])).map((log) => log.transactionHash));
    const found = new Map<string, string[]>();
    for (const hash of hashes) {
      const { input } = await this.rpc.call<{ input: string }>("eth_getTransactionByHash", [hash]);
      const call = this.#abi.parseTransaction({ data: input });
      const items = (call?.name === "fulfillBatch" ? call.args[0] : call === null ? [] : [call.args]) as Result[];
      for (const item of items) {
        const salt = String(item["statement"].request.salt);
        found.set(salt, [...(found.get(salt) ?? []), String(item["output"])]);
      }
    }
    return found;
  }
}
