import {
  type Authorization,
  getAddress,
  randomBytes,
  type Signer,
  type TransactionRequest,
  verifyTypedData,
} from "ethers";
import { checkDeployment, type DeploymentRecord, readDeployment } from "../deployment/record";
import { AssayError, isAssayError } from "../domain/errors";
import { type Address, address, type Hex32, type HexBytes, ZERO_ADDRESS } from "../domain/ids";
import type { FilledInference } from "../domain/inference";
import type { IntentFields } from "../domain/pipe";
import type { ExplainChain } from "../explain/ports";
import { ChainReader } from "../explain/reader";
import { bytesToHex } from "../protocol/bytes";
import { INTENT_TYPES, type IntentPlace, intentDigest, intentDomain } from "../protocol/intent";
import { encodeBundle, encodeProvide } from "../protocol/portable";
import { providerChain } from "./chain";
import { pause } from "./pause";
import { endedOnChain, type PipeEnd } from "./pipeEnd";
import { type EnginePrepared, type PipeClientStatus, PipeEngine } from "./pipeEngine";
import { checkResults, feesOf } from "./pipeResults";

export interface PipeClientOptions {
  /** The engine's JSON-RPC address. */
  readonly engineUrl: string;
  readonly apiKey?: string;
  /**
   * The user. Its provider is what results are checked against, and must speak JSON-RPC (`send`): a node that the user trusts, rather than the engine's own
   * address.
   */
  readonly signer: Signer;
  /** The record itself, or the file that holds it (`deployments/<network>.json`). */
  readonly deployment: DeploymentRecord | string;
}

/** What the user wants to call. */
export interface PipeCall {
  readonly to: string;
  readonly value?: bigint;
  readonly data?: string;
}

export interface PrepareOptions {
  /** The most that the results may cost together. */
  readonly maxFeeWei: bigint;
  /** How long results must still be good after the newest block. Default 30 s. */
  readonly marginSeconds?: number;
}

export interface BundleOptions extends PrepareOptions {
  /** `value` (default): the fees leave the account with the transaction; `credit`: they come out of its credit at the hub (`hub.deposit`). */
  readonly payFrom?: "value" | "credit";
  /** For an account that has not delegated yet: what `authorize` gave. */
  readonly authorization?: Authorization;
}

/** Results that were checked, and calldata that this client made from them. */
export interface PreparedResults {
  readonly results: readonly FilledInference[];
  /** Calldata of `hub.provide(results)`, for an account that batches calls in its own way; `feeWei` goes with it. */
  readonly provide: HexBytes;
  readonly hub: Address;
  readonly feeWei: bigint;
  /** When the first of them ends to be usable, seconds; 0 where none is needed. */
  readonly expiresAt: number;
  /** What the engine says of the call; for people, decides nothing. */
  readonly report: Pick<EnginePrepared, "rounds" | "simulations" | "gasUsed" | "provideGas">;
}

export interface PreparedBundle extends PreparedResults {
  /** From the user to itself (EIP-7702): `provide`, then the call. Where no inference is needed it is the plain call. */
  readonly request: TransactionRequest;
}

/** What an intent is made of; the rest is filled in. */
export interface IntentWish {
  readonly target: string;
  readonly value?: bigint;
  readonly data?: string;
  /** The most that its results may cost. */
  readonly maxResultFeeWei: bigint;
  /** What the relayer gets if the call succeeds. */
  readonly relayFeeWei: bigint;
  /** The most it gets if the call fails. Default 0. */
  readonly maxFailureFeeWei?: bigint;
  /** What the call gets, exactly. */
  readonly gas: number;
  /** Seconds of block time. Default: ten minutes after the newest block. */
  readonly deadline?: bigint;
  /** Default: anybody. */
  readonly relayer?: string;
  /** Any number that was not used. Default: a random one. */
  readonly nonce?: bigint;
}

export interface SignedIntent {
  /** Its EIP-712 digest, by which the engine knows it. */
  readonly id: Hex32;
  readonly intent: IntentFields;
  readonly signature: HexBytes;
}

const MARGIN_SECONDS = 30;
const INTENT_SECONDS = 600n;
const WAIT_MS = 120_000;
const POLL_MS = 200;
/** EIP-7702: what the code of a delegated account begins with. */
const DELEGATION = "0xef0100";

/**
 * Brings inferences into a user's own transactions. The engine finds out what is needed and computes it; it is believed nothing: every result is checked
 * against the user's own node, and what the user signs is built here.
 */
export class PipeClient {
  /** Intents that were signed here, so that their end can be looked for on the chain. */
  private readonly signed = new Map<Hex32, IntentFields>();

  private constructor(
    private readonly record: DeploymentRecord,
    private readonly signer: Signer,
    private readonly chain: ExplainChain,
    private readonly engine: PipeEngine,
  ) {}

  /**
   * Compares the deployment with the chain before anything is asked.
   * @throws AssayError `CLIENT_NO_PROVIDER`, and those of the record (`DEPLOYMENT_…`)
   */
  static async connect(options: PipeClientOptions): Promise<PipeClient> {
    const { signer, deployment } = options;
    const chain = providerChain(signer.provider);
    const record = typeof deployment === "string" ? readDeployment(deployment) : deployment;
    await checkDeployment(record, new ChainReader(chain));
    return new PipeClient(record, signer, chain, new PipeEngine(options));
  }

  /**
   * The results that a call needs, checked, for an account that batches in its own way (Safe, ERC-4337).
   * @throws AssayError `CLIENT_PIPE_RESULT_INVALID`, `CLIENT_PIPE_FEE_TOO_HIGH`, `CLIENT_PIPE_REVERTS` (the call fails for its own reasons), `CLIENT_PIPE_REFUSED`,
   * `CLIENT_PIPE_UNREACHABLE`, `CLIENT_PIPE_ANSWER_MALFORMED`
   */
  async prepare(call: PipeCall, options: PrepareOptions): Promise<PreparedResults> {
    const from = await this.signer.getAddress();
    const value = `0x${(call.value ?? 0n).toString(16)}`;
    const prepared = await this.engine.prepare({ from, to: call.to, value, data: call.data ?? "0x" });
    const results = await checkResults({
      reader: new ChainReader(this.chain),
      record: this.record,
      results: prepared.results,
      maxFeeWei: options.maxFeeWei,
      marginSeconds: options.marginSeconds ?? MARGIN_SECONDS,
    });
    return {
      results,
      provide: encodeProvide(results),
      hub: this.record.contracts.InferenceHub.address,
      feeWei: feesOf(results),
      expiresAt: results.length === 0 ? 0 : Math.min(...results.map(({ answer }) => answer.expiresAt)),
      report: prepared,
    };
  }

  /**
   * A transaction of the user to its own account, which has delegated to `BatchDelegate` (EIP-7702), with exactly two calls: `hub.provide` and the user's.
   * Nothing is sent.
   * @throws AssayError `CLIENT_PIPE_NOT_DELEGATED`, `CLIENT_PIPE_AUTHORIZATION_INVALID`, and those of `prepare`
   */
  async prepareBundle(call: PipeCall, options: BundleOptions): Promise<PreparedBundle> {
    const from = address(await this.signer.getAddress());
    const { authorization, payFrom = "value" } = options;
    const own = { target: address(call.to), value: call.value ?? 0n, data: (call.data ?? "0x") as HexBytes };
    const prepared = await this.prepare(call, options);
    if (prepared.results.length === 0)
      return { ...prepared, request: { from, to: own.target, value: own.value, data: own.data } };
    const delegation = await this.delegationFor(from, authorization);
    const { hub: target, provide: data, feeWei } = prepared;
    const provide = { target, value: payFrom === "value" ? feeWei : 0n, data };
    // Whoever builds a bundle knows whom it calls: named before (EIP-2930), each of the three is 100 gas cheaper.
    const called = new Set([target, this.record.contracts.EnclaveRegistry.address, own.target]);
    const accessList = [...called].filter((at) => at !== from).map((at) => ({ address: at, storageKeys: [] }));
    // To itself, so without value: what the calls send is the account's already.
    const request = { from, to: from, value: 0n, data: encodeBundle([provide, own]), accessList, ...delegation };
    return { ...prepared, request };
  }

  /**
   * Signs that the user's account runs a delegate's code, on this chain and no other. It takes effect with a transaction that carries it, which is expected to
   * be the user's very next one.
   * @throws AssayError `CLIENT_PIPE_CHAIN_INVALID` where the chain is 0, which would sign for every chain, or not the deployment's
   */
  async authorize(delegate: string = this.record.contracts.BatchDelegate.address): Promise<Authorization> {
    const chainId = await new ChainReader(this.chain).chainId();
    this.demandChain(chainId);
    const account = await this.signer.getAddress();
    // The nonce of the transaction itself is counted before its authorizations are looked at (EIP-7702).
    const nonce = (await this.signer.getNonce("pending")) + 1;
    // Not every wallet can; some that fit ethers' interface do not have the method at all.
    if (typeof this.signer.authorize !== "function")
      throw invalidAuthorization("this signer can not sign authorizations", { account, delegate });
    const signed = await this.signer.authorize({ address: getAddress(delegate), nonce, chainId });
    this.demandChain(signed.chainId);
    if (address(signed.address) !== address(delegate) || signed.nonce !== BigInt(nonce))
      throw invalidAuthorization("the wallet signed something else", { account, delegate });
    return signed;
  }

  /**
   * Signs an intent (EIP-712, `AssayIntentForwarder`, version 1): somebody else sends it, with the results it needs.
   * @throws AssayError `CLIENT_PIPE_SIGNATURE_INVALID` where the signer's key is not the account's
   */
  async signIntent(wish: IntentWish): Promise<SignedIntent> {
    const reader = new ChainReader(this.chain);
    const place = this.place();
    this.demandChain(await reader.chainId());
    const intent: IntentFields = {
      from: address(await this.signer.getAddress()),
      target: address(wish.target),
      value: wish.value ?? 0n,
      data: (wish.data ?? "0x") as HexBytes,
      nonce: wish.nonce ?? BigInt(bytesToHex(randomBytes(32))),
      deadline: wish.deadline ?? BigInt((await reader.block("latest")).timestamp) + INTENT_SECONDS,
      maxResultFeeWei: wish.maxResultFeeWei,
      relayFeeWei: wish.relayFeeWei,
      maxFailureFeeWei: wish.maxFailureFeeWei ?? 0n,
      gas: wish.gas,
      relayer: wish.relayer === undefined ? ZERO_ADDRESS : address(wish.relayer),
    };
    const domain = intentDomain(place);
    const signature = (await this.signer.signTypedData(domain, INTENT_TYPES, intent)) as HexBytes;
    if (address(verifyTypedData(domain, INTENT_TYPES, intent, signature)) !== intent.from) {
      throw new AssayError({
        code: "CLIENT_PIPE_SIGNATURE_INVALID",
        message: "the wallet signed with another key, or something else",
        context: { from: intent.from },
      });
    }
    const id = intentDigest(place, intent);
    this.signed.set(id, intent);
    return { id, intent, signature };
  }

  /**
   * Hands a signed intent to the engine. Handing it in twice is harmless: its nonce is used once.
   * @returns its id
   * @throws AssayError `CLIENT_PIPE_REFUSED`, `CLIENT_PIPE_UNREACHABLE` (retry `unknown`: it may have arrived), `CLIENT_PIPE_ANSWER_MALFORMED`
   */
  async sendIntent({ id, intent, signature }: SignedIntent): Promise<Hex32> {
    const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
    const fields = Object.fromEntries(
      Object.entries(intent).map(([name, value]) => [name, typeof value === "string" ? value : hex(value)]),
    );
    const known = await this.engine.sendIntent(fields, signature);
    if (known !== id) {
      throw new AssayError({
        code: "CLIENT_PIPE_ANSWER_MALFORMED",
        message: "the engine took the intent for another one",
        context: { expected: id, actual: known },
      });
    }
    this.signed.set(id, intent);
    return id;
  }

  /** What the engine says of a transaction (by its hash) or an intent; undefined for one that it does not know. */
  status(id: string): Promise<PipeClientStatus | undefined> {
    return this.engine.status(id.toLowerCase() as Hex32);
  }

  /**
   * Waits until a transaction or an intent has ended, by default 120 seconds. That it landed is read from the user's own node; that it was given back is the
   * engine's word. A wait that is over, or aborted, gives `pending` and can be repeated. An engine or a node that does not answer for a while is asked again.
   * @throws AssayError `CLIENT_PIPE_UNKNOWN` for what the engine does not know, `CLIENT_PIPE_STATUS_REFUTED` where the chain says otherwise, and those of `status`
   */
  async wait(
    id: string,
    { timeoutMs = WAIT_MS, signal }: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<PipeEnd> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const last = Date.now() >= until || signal?.aborted === true;
      try {
        const end = await this.endOf(id);
        if (end !== undefined) return end;
      } catch (error) {
        // A failed read is no absence, and no failure of the transaction either.
        if (last || !isAssayError(error) || error.retry !== "later") throw error;
      }
      if (last) return { kind: "pending" };
      await pause(Math.min(POLL_MS, Math.max(until - Date.now(), 0)), signal);
    }
  }

  private async endOf(id: string): Promise<PipeEnd | undefined> {
    const status = await this.status(id);
    if (status === undefined) {
      throw new AssayError({
        code: "CLIENT_PIPE_UNKNOWN",
        message: "the engine does not know this transaction or intent; it may have been sent elsewhere",
        context: { id },
      });
    }
    const intent = this.signed.get(status.id);
    return endedOnChain({ chain: this.chain, forwarder: this.place().forwarder, status, intent });
  }

  private place(): IntentPlace {
    return { chainId: BigInt(this.record.chainId), forwarder: this.record.contracts.IntentForwarder.address };
  }

  private demandChain(chainId: bigint): void {
    if (chainId !== 0n && chainId === BigInt(this.record.chainId)) return;
    throw new AssayError({
      code: "CLIENT_PIPE_CHAIN_INVALID",
      message: `nothing is signed for chain ${chainId}; the deployment is on chain ${this.record.chainId}`,
      context: { chainId, expected: this.record.chainId },
    });
  }

  /** The account must run the delegate when the transaction is executed: it does already, or the transaction makes it. */
  private async delegationFor(
    from: Address,
    authorization: Authorization | undefined,
  ): Promise<Pick<TransactionRequest, "type" | "authorizationList">> {
    const delegate = this.record.contracts.BatchDelegate.address;
    if (authorization !== undefined) {
      this.demandChain(authorization.chainId);
      if (address(authorization.address) !== delegate)
        throw invalidAuthorization("it is for another delegate", { delegate, actual: authorization.address });
      return { type: 4, authorizationList: [authorization] };
    }
    const code = await new ChainReader(this.chain).code(from);
    if (code === `${DELEGATION}${delegate.slice(2)}`) return {};
    throw new AssayError({
      code: "CLIENT_PIPE_NOT_DELEGATED",
      message:
        "the account does not run BatchDelegate; pass what `authorize` gives, or bring `prepare`'s results by an account that batches",
      context: { from, delegate },
    });
  }
}

function invalidAuthorization(why: string, context: Readonly<Record<string, unknown>>): AssayError {
  return new AssayError({
    code: "CLIENT_PIPE_AUTHORIZATION_INVALID",
    message: `the authorization does not fit: ${why}`,
    context,
  });
}
