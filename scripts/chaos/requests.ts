import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hexlify, Interface, toBeHex, Wallet } from "ethers";
import { packageRoot } from "../../executor/deployment/artifacts";
import { OnnxRuntime } from "../../executor/enclave/image/runner/onnxruntime";
import { hostPath, INSIDE, locateImage } from "../../executor/enclave/sandbox/image";
import { canonicaliseNans } from "../../executor/protocol/tensorNan";
import { encodeTensorSet } from "../../executor/protocol/tensorSet";
import { encodeTerms, standardTerms } from "../../executor/protocol/terms";
import type { RpcClient } from "../../executor/rpc/client";
import { committedModel, goldenSets, type World } from "../../test/e2e/support/world";
import type { Random } from "../models/train/random";
import { localKey } from "../start/localKeys";

const MODELS = ["liquidation_risk", "eth_volatility", "digits"] as const;
const REQUESTERS = 4;
const REWARD_WEI = 10n ** 15n;
/** Longer than all jumps of the clock together; shorter than the hub allows. */
const DEADLINE_SECONDS = 20 * 86_400;
/** Raw transactions of one account that are offered to the node at a time. */
const WINDOW = 8;

/** What a request must end by: these bytes, or a refusal. */
export type Expected =
  | { readonly kind: "result"; readonly output: string }
  | { readonly kind: "refusal"; readonly why: string };

export interface Planned {
  readonly salt: string;
  readonly expected: Expected;
  readonly rewardWei: bigint;
}

interface Task {
  readonly model: string;
  readonly input: Uint8Array;
  readonly expected: Expected;
}

export interface Tasks {
  readonly good: readonly Task[];
  readonly bad: readonly Task[];
}

/**
 * Real inputs of the committed models with what bare onnxruntime makes of them on this machine, and what must be refused. Once in a process:
 * onnxruntime can not be initialised twice.
 */
export function tasks(): Tasks {
  process.env.ORT_DISABLE_TELEMETRY = "1";
  const bare = new OnnxRuntime(hostPath(locateImage(), INSIDE.onnxruntime));
  const good = MODELS.flatMap((name) => {
    const model = bare.load(readFileSync(join(packageRoot(), "models", name, `${name}.onnx`)));
    return goldenSets(name).map(({ inputs }) => {
      const outputs = model.run(inputs).map((o) => ({ name: o.name, tensor: canonicaliseNans(o.tensor) }));
      const output = hexlify(encodeTensorSet(outputs));
      return { model: committedModel(name).hash, input: encodeTensorSet(inputs), expected: { kind: "result", output } };
    });
  }) as Task[];
  const some = good[0]?.input ?? new Uint8Array();
  const bad: Task[] = [
    { model: `0x${"ab".repeat(32)}`, input: some, expected: { kind: "refusal", why: "nobody has the model" } },
    {
      model: committedModel("digits").hash,
      input: some,
      expected: { kind: "refusal", why: "inputs of another model" },
    },
    {
      model: committedModel("digits").hash,
      input: Uint8Array.of(1, 2, 3),
      expected: { kind: "refusal", why: "no set" },
    },
  ];
  return { good, bad };
}

/** The requests of a run: signed by a few accounts, offered in order, and offered again when a reorg has dropped them. */
export class Requests {
  readonly planned: Planned[] = [];
  readonly #byAccount: { readonly address: string; readonly raws: string[] }[] = [];
  /** No account offers anything while this is set. */
  paused = false;

  private constructor(
    private readonly rpc: RpcClient,
    private readonly parts: {
      readonly world: World;
      readonly wallets: readonly Wallet[];
      readonly random: Random;
      readonly deadline: number;
      readonly tasks: Tasks;
    },
  ) {
    for (const { address } of parts.wallets) this.#byAccount.push({ address, raws: [] });
  }

  static async open(args: { world: World; rpc: RpcClient; random: Random; tasks: Tasks }) {
    const { world, rpc, random } = args;
    const wallets = Array.from({ length: REQUESTERS }, (_, i) => new Wallet(localKey(4 + i)));
    return new Requests(rpc, {
      world,
      wallets,
      random,
      deadline: (await world.now()) + DEADLINE_SECONDS,
      tasks: args.tasks,
    });
  }

  /** Signs requests until there are so many. */
  async plan(count: number): Promise<void> {
    const { world, wallets, random, deadline } = this.parts;
    const hub = world.record.contracts.InferenceHub;
    const abi = new Interface(hub.abi as never);
    while (this.planned.length < count) {
      const index = this.planned.length;
      const { good, bad } = this.parts.tasks;
      const pool = random() < 0.1 ? bad : good;
      const task = pool[Math.floor(random() * pool.length)] as Task; // Neither pool is empty.
      const account = Math.floor(random() * wallets.length);
      const lane = this.#byAccount[account];
      const wallet = wallets[account];
      if (lane === undefined || wallet === undefined) throw new Error("an index below the length");
      const salt = toBeHex(index + 1, 32);
      const terms = hexlify(encodeTerms(standardTerms({ deadline })));
      const raw = await wallet.signTransaction({
        type: 2,
        chainId: Number(world.record.chainId),
        nonce: lane.raws.length,
        to: hub.address,
        data: abi.encodeFunctionData("request", [task.model, hexlify(task.input), terms, salt]),
        value: REWARD_WEI,
        gasLimit: 400_000n,
        // The base fee is driven up on purpose; who asks can pay.
        maxFeePerGas: 10n ** 13n,
        maxPriorityFeePerGas: 10n ** 9n,
      });
      lane.raws.push(raw);
      this.planned.push({ salt, expected: task.expected, rewardWei: REWARD_WEI });
    }
  }

  /** Offers every account's next transactions, from the nonce that the chain is at: what a reorg dropped comes again by the same bytes. */
  async offer(): Promise<void> {
    if (this.paused) return;
    for (const { address, raws } of this.#byAccount) {
      const next = Number(await this.rpc.call<string>("eth_getTransactionCount", [address, "latest"]));
      for (const raw of raws.slice(next, next + WINDOW)) {
        const [answer] = await this.rpc.batch([{ method: "eth_sendRawTransaction", params: [raw] }]);
        if (answer?.ok === false && process.env.DBG) console.log("DEBUG", address, next, answer.error.message);
      }
    }
  }
}
