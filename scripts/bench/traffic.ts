import { Interface, Wallet } from "ethers";
import WebSocket from "ws";
import type { RpcClient } from "../../executor/rpc/client";

const GAS = { gasLimit: 400_000n, maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n, type: 2 };
const FULFILLED = new Interface([
  "event Fulfilled(bytes32 indexed requestId, address indexed signer, bytes32 statementHash)",
]);

/** Transactions of one account, signed before the clock starts. */
export class Signed {
  #nonce: number;

  private constructor(
    private readonly wallet: Wallet,
    private readonly chainId: number,
    nonce: number,
  ) {
    this.#nonce = nonce;
  }

  static async open(rpc: RpcClient, key: string): Promise<Signed> {
    const wallet = new Wallet(key);
    const nonce = Number(await rpc.call<string>("eth_getTransactionCount", [wallet.address, "latest"]));
    return new Signed(wallet, Number(await rpc.call<string>("eth_chainId")), nonce);
  }

  get address(): string {
    return this.wallet.address;
  }

  async many(count: number, make: (i: number) => { to: string; data?: string; value?: bigint }): Promise<string[]> {
    const raw: string[] = [];
    for (let i = 0; i < count; i++)
      raw.push(await this.wallet.signTransaction({ ...GAS, chainId: this.chainId, nonce: this.#nonce++, ...make(i) }));
    return raw;
  }
}

/** Tells of fulfilments as the node does, over a websocket: polling would slow down what is measured. */
export async function watch(
  url: string,
  hub: string,
): Promise<{ seen(id: string): Promise<number>; count(n: number): Promise<number>; reset(): void; close(): void }> {
  const socket = new WebSocket(url);
  await new Promise<void>((resolve, reject) => {
    socket.once("open", () => resolve());
    socket.once("error", reject);
  });
  const at = new Map<string, number>();
  let wake: (() => void)[] = [];
  socket.on("message", (data) => {
    const { params } = JSON.parse(String(data)) as { params?: { result?: { topics?: string[] } } };
    const id = params?.result?.topics?.[1];
    if (id === undefined) return;
    at.set(id, performance.now());
    for (const call of wake.splice(0)) call();
  });
  const topics = [FULFILLED.getEvent("Fulfilled")?.topicHash];
  socket.send(
    JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_subscribe", params: ["logs", { address: hub, topics }] }),
  );
  const until = async (done: () => boolean): Promise<number> => {
    const deadline = Date.now() + 300_000;
    while (!done()) {
      if (Date.now() > deadline) throw new Error("no answer within five minutes");
      await Promise.race([
        new Promise<void>((resolve) => wake.push(resolve)),
        new Promise((resolve) => setTimeout(resolve, 1_000)),
      ]);
    }
    return performance.now();
  };
  return {
    seen: async (id) => {
      await until(() => at.has(id));
      return at.get(id) ?? Number.NaN;
    },
    count: (n) => until(() => at.size >= n),
    reset: () => {
      at.clear();
      wake = [];
    },
    close: () => socket.close(),
  };
}
