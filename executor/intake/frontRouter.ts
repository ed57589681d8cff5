import { AssayError } from "../domain/errors";
import { address, type HexBytes, hex32 } from "../domain/ids";
import { hexToBytes } from "../protocol/bytes";
import { keccak256 } from "../protocol/statement";
import {
  answerOf,
  errorOf,
  INTERNAL_ERROR,
  jsonText,
  parseMessage,
  type RpcAnswer,
  type RpcCall,
  type RpcMember,
  type RpcMessage,
  type RpcOutcome,
  refusalOf,
} from "./jsonRpc";
import type { PipeCaller, PipeGate } from "./pipePorts";
import {
  estimatedQuestion,
  hexQuantity,
  intentOf,
  paramsOf,
  pendingTransaction,
  preparedShape,
  reportShape,
  statusShape,
} from "./pipeShapes";

/** The node behind the front. `send` throws where it gave no answer; what became of the call is then unknown. */
export interface Upstream {
  send(body: string): Promise<string>;
}

export interface RouterArgs {
  readonly gate: PipeGate;
  readonly upstream: Upstream;
  /** Lets the methods of development nodes through, with which anybody could undo what is held. */
  readonly devMethods: boolean;
  /** Most calls of one batch. */
  readonly maxBatch: number;
  /** Told of what is a bug of ours; the asker only learns that it happened. */
  readonly onError: (error: unknown) => void;
}

/** How a call is served: by us (undefined: by the node after all), or by the node, whose answer may need a word of ours. */
type Route =
  | { readonly local: () => Promise<RpcOutcome | undefined>; readonly ordered: boolean }
  | { readonly amend: ((outcome: RpcOutcome) => RpcOutcome) | undefined };

const DEV_METHOD = /^(hardhat|evm|anvil)_/;

/** Decides of each call who answers it, and puts the answers together. It knows nothing of HTTP or sockets. */
export class FrontRouter {
  constructor(private readonly args: RouterArgs) {}

  parse(body: string): RpcMessage {
    return parseMessage(body, this.args.maxBatch);
  }

  /** Whether the node's answer can be handed on as it is. A socket then sends the call through, and reads the answer when it comes. */
  passesThrough(message: RpcMessage, caller: PipeCaller): boolean {
    return message.members.every((member) => {
      if (!("call" in member)) return false;
      const route = this.route(member.call, caller);
      return "amend" in route && route.amend === undefined;
    });
  }

  /** Whether it holds a signed transaction, whose place among others of its sender matters. */
  isOrdered(message: RpcMessage): boolean {
    return message.members.some((member) => "call" in member && member.call.method === "eth_sendRawTransaction");
  }

  /** @returns the text of the answer; undefined where there is nothing to answer */
  async answer(message: RpcMessage, caller: PipeCaller): Promise<string | undefined> {
    if (message.batch) return this.answerBatch(message.members, caller);
    const [member] = message.members;
    if (member === undefined) return undefined;
    if (!("call" in member)) return jsonText(member.refused);
    const { call } = member;
    const route = this.route(call, caller);
    if ("amend" in route && route.amend === undefined) {
      const text = await this.passed(call);
      return call.id === undefined ? undefined : text;
    }
    const [answer] = await this.answers([member], caller);
    return answer === undefined ? undefined : jsonText(answer);
  }

  private async answerBatch(members: readonly RpcMember[], caller: PipeCaller): Promise<string | undefined> {
    const answers = (await this.answers(members, caller)).filter((answer) => answer !== undefined);
    return answers.length === 0 ? undefined : jsonText(answers);
  }

  /** In the order of the members; undefined for a notification. */
  private async answers(members: readonly RpcMember[], caller: PipeCaller): Promise<(RpcAnswer | undefined)[]> {
    const toPass: { readonly index: number; readonly call: RpcCall }[] = [];
    const amends = new Map<number, (outcome: RpcOutcome) => RpcOutcome>();
    // One sender's transactions follow one another in a batch; each is accepted before the next is looked at.
    let turn: Promise<unknown> = Promise.resolve();
    const waiting = members.map((member, index): Promise<RpcOutcome | undefined> | undefined => {
      if (!("call" in member)) return undefined;
      const route = this.route(member.call, caller);
      if ("amend" in route) {
        toPass.push({ index, call: member.call });
        if (route.amend !== undefined) amends.set(index, route.amend);
        return undefined;
      }
      const outcome = route.ordered ? turn.then(route.local) : route.local();
      if (route.ordered) turn = outcome;
      return outcome;
    });
    const passed = await this.passedBatch(toPass);
    const outcomes = await Promise.all(waiting);
    const left = members.flatMap((member, index) =>
      "call" in member && waiting[index] !== undefined && outcomes[index] === undefined
        ? [{ index, call: member.call }]
        : [],
    );
    for (const [index, outcome] of await this.passedBatch(left)) passed.set(index, outcome);
    return members.map((member, index) => {
      if (!("call" in member)) return member.refused;
      if (member.call.id === undefined) return undefined;
      const outcome = outcomes[index] ?? passed.get(index) ?? NO_ANSWER;
      return answerOf(member.call.id, amends.get(index)?.(outcome) ?? outcome);
    });
  }

  private async outcome(run: () => Promise<unknown>): Promise<RpcOutcome> {
    try {
      return { result: await run() };
    } catch (error) {
      if (!(error instanceof AssayError)) this.args.onError(error);
      return { error: errorOf(error) };
    }
  }

  /** The node's own text, if it is an answer at all. */
  private async passed(call: RpcCall): Promise<string> {
    try {
      const text = await this.args.upstream.send(textOf(call, call.id));
      if (call.id === undefined || text.trimStart().startsWith("{")) return text;
      return jsonText(answerOf(call.id, NO_ANSWER));
    } catch (error) {
      if (!(error instanceof AssayError)) this.args.onError(error);
      return jsonText(answerOf(call.id ?? null, { error: errorOf(error) }));
    }
  }

  /** One exchange for all of them. Ids are ours on the way: those of the caller may repeat. */
  private async passedBatch(
    calls: readonly { readonly index: number; readonly call: RpcCall }[],
  ): Promise<Map<number, RpcOutcome>> {
    if (calls.length === 0) return new Map();
    const found = new Map<number, RpcOutcome>();
    try {
      const texts = calls.map(({ index, call }) => textOf(call, index));
      const body = texts.length === 1 ? (texts[0] as string) : `[${texts.join(",")}]`;
      const answer: unknown = JSON.parse(await this.args.upstream.send(body));
      // The answer to one call; or a node that takes no batches, or not this one, and says so once for all.
      const list = Array.isArray(answer) ? answer : calls.map(({ index }) => ({ ...Object(answer), id: index }));
      for (const entry of list as { id?: unknown; result?: unknown; error?: unknown }[]) {
        if (typeof entry?.id !== "number") continue;
        if (entry.error !== undefined) found.set(entry.id, { error: entry.error as never });
        else if (entry.result !== undefined) found.set(entry.id, { result: entry.result });
      }
    } catch (error) {
      if (!(error instanceof AssayError) && !(error instanceof SyntaxError)) this.args.onError(error);
      const outcome = error instanceof SyntaxError ? NO_ANSWER : { error: errorOf(error) };
      for (const { index } of calls) found.set(index, outcome);
    }
    return found;
  }

  private route(call: RpcCall, caller: PipeCaller): Route {
    const { gate } = this.args;
    const { method, params } = call;
    const local = (run: () => Promise<unknown>): Route => ({ local: () => this.outcome(run), ordered: false });
    switch (method) {
      case "eth_sendRawTransaction":
        return { local: () => this.outcome(() => this.take(params, caller)), ordered: true };
      case "eth_estimateGas": {
        const asked = estimatedQuestion(params);
        return asked === undefined
          ? { amend: undefined }
          : { local: () => this.estimate(asked, caller), ordered: false };
      }
      case "pipe_simulate":
        return local(async () => reportShape(await gate.simulate(paramsOf(method, params)[0], caller)));
      case "pipe_prepare":
        return local(async () => preparedShape(await gate.prepare(paramsOf(method, params)[0], caller)));
      case "pipe_sendIntent":
        return local(async () => gate.sendIntent(intentOf(params), caller));
      case "pipe_status":
        return local(async () => {
          const status = await gate.status(paramsOf(method, params)[0]);
          return status === undefined ? null : statusShape(status);
        });
      case "eth_getTransactionCount":
        return { amend: this.nextNonce(params) };
      case "eth_getTransactionByHash":
        return { amend: this.heldTransaction(params) };
      default:
        if (!DEV_METHOD.test(method) || this.args.devMethods) return { amend: undefined };
        return local(async () => {
          throw new AssayError({
            code: "INTAKE_METHOD_FORBIDDEN",
            message: `the method ${method} does not exist here`,
            context: { method },
          });
        });
    }
  }

  /** A failure that is none of the gate's own may have come after it took the transaction: its sender is told by which hash to look for it. */
  private async take(params: unknown, caller: PipeCaller): Promise<unknown> {
    const [raw] = paramsOf("eth_sendRawTransaction", params);
    try {
      return await this.args.gate.sendRawTransaction(raw, caller);
    } catch (cause) {
      if (cause instanceof AssayError) throw cause;
      this.args.onError(cause);
      throw new AssayError({
        code: "PIPE_OUTCOME_UNKNOWN",
        message:
          "whether the transaction was taken is not known; ask pipe_status, or the chain, before sending another",
        context: { hash: keccak256(hexToBytes(raw)) },
        retry: "unknown",
        cause,
      });
    }
  }

  /** Without the answers that it will have, a transaction fails in the node's eyes, and a wallet would not even sign it. */
  private async estimate(
    { question, accessGas }: NonNullable<ReturnType<typeof estimatedQuestion>>,
    caller: PipeCaller,
  ): Promise<RpcOutcome | undefined> {
    const outcome = await this.outcome(() => this.args.gate.estimateGas(question, caller));
    if (!("result" in outcome)) return outcome;
    return typeof outcome.result === "bigint" ? { result: hexQuantity(outcome.result + accessGas) } : undefined;
  }

  private nextNonce(params: unknown): ((outcome: RpcOutcome) => RpcOutcome) | undefined {
    const [account, tag] = Array.isArray(params) ? params : [];
    if (tag !== "pending" || !/^0x[0-9a-fA-F]{40}$/.test(String(account))) return undefined;
    if (this.args.gate.nextNonce(address(account)) === undefined) return undefined;
    return (outcome) => {
      if (!("result" in outcome) || !/^0x[0-9a-fA-F]+$/.test(String(outcome.result))) return outcome;
      const known = Number(BigInt(String(outcome.result)));
      const held = this.args.gate.nextNonce(address(account), known) ?? known;
      return known >= held ? outcome : { result: hexQuantity(held) };
    };
  }

  private heldTransaction(params: unknown): ((outcome: RpcOutcome) => RpcOutcome) | undefined {
    const [given] = Array.isArray(params) ? params : [];
    if (!/^0x[0-9a-fA-F]{64}$/.test(String(given))) return undefined;
    const hash = hex32(given);
    const raw: HexBytes | undefined = this.args.gate.heldTransaction(hash);
    if (raw === undefined) return undefined;
    return (outcome) =>
      "result" in outcome && outcome.result === null ? { result: pendingTransaction(raw, hash) } : outcome;
  }
}

const NO_ANSWER: RpcOutcome = {
  error: errorOf(
    new AssayError({
      code: "INTAKE_UPSTREAM_MALFORMED",
      message: "the node behind this address gave no JSON-RPC answer; what became of the call is not known",
      retry: "unknown",
    }),
  ),
};

/** Written anew, so that the node reads exactly the call that was looked at here. */
function textOf(call: RpcCall, id: RpcCall["id"]): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method: call.method, params: call.params });
}

/** For whoever failed before a call could be read. */
export function failureText(message: string, code: number = INTERNAL_ERROR): string {
  return jsonText(refusalOf(null, code, message));
}
