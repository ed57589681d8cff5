import { request } from "node:http";
import { Transaction } from "ethers";
import { type Address, address, type Hex32, type HexBytes, hex32 } from "../../../executor/domain/ids";
import type { FilledInference } from "../../../executor/domain/inference";
import type { IntentFields, PipeStatus } from "../../../executor/domain/pipe";
import type { PipeCaller, PipeGate, PipePrepared, PipeQuestion, PipeReport } from "../../../executor/intake/pipePorts";
import { inferenceOf } from "../../../executor/protocol/portable";
import { h, SENDER } from "../jobs/fixtures";

const terms = { minTrust: 3, profile: h("profile"), imageId: h("image") };
const inference = inferenceOf(h("model"), Uint8Array.of(1, 2), terms);
export const FILLED: FilledInference = {
  inference,
  answer: {
    modelHash: inference.modelHash,
    inputHash: inference.inputHash,
    signer: SENDER,
    trust: 3,
    imageId: terms.imageId,
    runtimeProfile: terms.profile,
    feeWei: 10n,
    issuedAt: 1_000,
    expiresAt: 2_000,
    output: Uint8Array.of(3, 4),
    proof: new Uint8Array(64).fill(5),
  },
};
const REPORT: PipeReport = {
  inferences: [{ key: inference.key, modelHash: inference.modelHash, input: "0x0102", terms }],
  rounds: 1,
  simulations: 2,
  gasUsed: 50_000n,
  feeWei: 10n,
  provideGas: 40_000n,
  publishGas: 90_000n,
};
export const PREPARED: PipePrepared = {
  ...REPORT,
  hub: address(`0x${"ab".repeat(20)}`),
  results: [FILLED],
  provide: "0x1234",
  expiresAt: 2_000,
};

/** A gate that holds every transaction it is given, and remembers who asked what. */
export class FakeGate implements PipeGate {
  readonly held = new Map<Hex32, HexBytes>();
  readonly callers: PipeCaller[] = [];
  readonly questions: PipeQuestion[] = [];
  readonly intents: { readonly intent: IntentFields; readonly signature: HexBytes }[] = [];
  /** What the next call of any method throws. */
  failure: unknown;
  /** Runs before a transaction is taken. */
  before: (raw: HexBytes) => Promise<void> = async () => undefined;
  /** Where a taken transaction goes; without it, it stays here. */
  release: ((raw: HexBytes) => Promise<void>) | undefined;

  async sendRawTransaction(raw: HexBytes, caller: PipeCaller): Promise<Hex32> {
    this.callers.push(caller);
    await this.before(raw);
    this.failIfTold();
    const hash = hex32(Transaction.from(raw).hash);
    if (this.release !== undefined) await this.release(raw);
    else this.held.set(hash, raw);
    return hash;
  }

  async simulate(question: PipeQuestion, caller: PipeCaller): Promise<PipeReport> {
    this.questions.push(question);
    this.callers.push(caller);
    this.failIfTold();
    return REPORT;
  }

  async prepare(question: PipeQuestion, caller: PipeCaller): Promise<PipePrepared> {
    await this.simulate(question, caller);
    return PREPARED;
  }

  /** What `estimateGas` says. */
  estimate: bigint | undefined;
  async estimateGas(question: PipeQuestion, caller: PipeCaller): Promise<bigint | undefined> {
    await this.simulate(question, caller);
    return this.estimate;
  }

  async sendIntent(args: { intent: IntentFields; signature: HexBytes }): Promise<Hex32> {
    this.intents.push(args);
    this.failIfTold();
    return h("intent");
  }

  async status(id: Hex32): Promise<PipeStatus | undefined> {
    if (id !== h("intent")) return undefined;
    return {
      id,
      kind: "intent",
      sender: SENDER,
      nonce: "255",
      payload: "0x5ec7e7",
      state: "landed",
      reason: undefined,
      detail: undefined,
      acceptedMs: 16,
      deadlineMs: 32,
      transactionHash: h("tx"),
      publishHash: undefined,
      block: { number: 5, hash: h("block") },
      timeline: [{ step: "accepted", hostMs: 16, detail: { rounds: 1 } }],
    };
  }

  nextNonce(account: Address): number | undefined {
    const nonces = [...this.held.values()].map((raw) => Transaction.from(raw)).filter((tx) => tx.from !== null);
    const own = nonces.filter((tx) => address(tx.from) === account).map((tx) => tx.nonce + 1);
    return own.length === 0 ? undefined : Math.max(...own);
  }

  heldTransaction(hash: Hex32): HexBytes | undefined {
    return this.held.get(hash);
  }

  private failIfTold(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }
}

export interface Reply {
  readonly status: number;
  readonly text: string;
  /** Undefined where there is no body. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into field by field.
  readonly json: any;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** One POST, with whatever headers. */
export function post(
  url: string,
  body: unknown,
  options: { readonly headers?: Record<string, string>; readonly method?: string } = {},
): Promise<Reply> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", ...options.headers };
    const sent = request(url, { method: options.method ?? "POST", agent: false, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        const answer = Buffer.concat(parts).toString("utf8");
        const json = answer === "" ? undefined : JSON.parse(answer);
        resolve({ status: response.statusCode ?? 0, text: answer, json, headers: response.headers });
      });
    });
    sent.on("error", reject);
    sent.end(text);
  });
}

export const rpc = (method: string, params: unknown[] = [], id: unknown = 1) => ({
  jsonrpc: "2.0",
  id,
  method,
  params,
});
