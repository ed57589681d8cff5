import { AssayError } from "../domain/errors";
import { type Address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import type { Transactions } from "../posting/transactions";
import { bytesToHex } from "../protocol/bytes";
import type { RpcClient } from "../rpc/client";
import { MODEL_REGISTRY, REGISTRY } from "./registryAbi";

export interface SignerLife {
  /** 0 unknown, 1 active, 2 closed. */
  readonly state: number;
  readonly epochEnd: number;
  readonly heartbeatDue: number;
  readonly counter: bigint;
  /** It takes nothing new and is never renewed. */
  readonly draining: boolean;
}

export interface RegistrationInput {
  readonly document: Uint8Array;
  readonly endpoint: string;
  readonly keyConfig: Uint8Array;
}

/** Gas of a registration: verification of the document grows with its size. Measured 420,000 for 1.6 KB; never estimated, a wrong document must cost a call, not a transaction. */
const REGISTER_GAS = 1_500_000n;
const SMALL_GAS = 250_000n;
/** `IRegistryGovernance.Role.Governor`. */
const GOVERNOR = 0;

/** A transaction that was sent: `open` until the chain has taken it, with or without its effect, or another in its place. */
export interface Sent {
  readonly open: () => boolean;
}

/** Calls of the registries by the operator's key, through the same nonce stream as results. */
export class RegistryClient {
  constructor(
    private readonly options: {
      readonly rpc: RpcClient;
      readonly registry: Address;
      readonly modelRegistry: Address;
      readonly transactions: Transactions;
    },
  ) {}

  async check(
    signer: Address,
    minTrust: number,
    imageId: Hex32,
  ): Promise<{ code: number; operatorId: number; trust: number }> {
    const [code, operatorId, trust] = await this.read("check", [signer, minTrust, imageId]);
    return { code: Number(code), operatorId: Number(operatorId), trust: Number(trust) };
  }

  async lifeOf(signer: Address): Promise<SignerLife> {
    const [state, , epochEnd, heartbeatDue, counter, draining] = await this.read("lifeOf", [signer]);
    return {
      state: Number(state),
      epochEnd: Number(epochEnd),
      heartbeatDue: Number(heartbeatDue),
      counter: BigInt(counter as bigint),
      draining: Boolean(draining),
    };
  }

  /** Whether an image is live at this block time; false for one that waits, was revoked or was never approved. */
  async imageIsLive(imageId: Hex32, now: number): Promise<boolean> {
    const [, activeFrom, revokedAt] = await this.read("imageOf", [imageId]);
    return Number(activeFrom) !== 0 && Number(activeFrom) <= now && Number(revokedAt) === 0;
  }

  /** Who approves images. */
  async governor(): Promise<string> {
    return String((await this.read("holderOf", [GOVERNOR]))[0]);
  }

  async mayActFor(operatorId: number, account: Address): Promise<boolean> {
    const [allowed] = await this.read("mayActFor", [operatorId, account]);
    return Boolean(allowed);
  }

  /** Registers a key; the document was simulated first, so that a refusal costs nothing and comes with its typed error. */
  register(input: RegistrationInput): Promise<Sent> {
    return this.attested("register", input);
  }

  renew(input: RegistrationInput): Promise<Sent> {
    return this.attested("renew", input);
  }

  /** Registers a key and drains another one of this operator, in one transaction. */
  rotate(from: Address, input: RegistrationInput): Promise<Sent> {
    return this.attested("rotate", input, [from]);
  }

  async drain(signer: Address): Promise<Sent> {
    const data = REGISTRY.encodeFunctionData("drain", [signer]) as HexBytes;
    return this.write({ to: this.options.registry, data, gasLimit: SMALL_GAS, label: "drain" });
  }

  async heartbeat(args: { signer: Address; counter: bigint; blockNumber: bigint; proof: Uint8Array }): Promise<Sent> {
    const data = REGISTRY.encodeFunctionData("heartbeat", [
      args.signer,
      args.counter,
      args.blockNumber,
      bytesToHex(args.proof),
    ]);
    return this.write({ to: this.options.registry, data: data as HexBytes, gasLimit: SMALL_GAS, label: "heartbeat" });
  }

  async close(signer: Address): Promise<void> {
    const data = REGISTRY.encodeFunctionData("close", [signer]) as HexBytes;
    await this.write({ to: this.options.registry, data, gasLimit: SMALL_GAS, label: "close" });
  }

  async setPoster(operatorId: number, poster: Address): Promise<void> {
    const data = REGISTRY.encodeFunctionData("setPoster", [operatorId, poster, true]) as HexBytes;
    await this.write({ to: this.options.registry, data, gasLimit: SMALL_GAS, label: "setPoster" });
  }

  async signatureHashOf(modelHash: Hex32): Promise<Hex32> {
    const data = MODEL_REGISTRY.encodeFunctionData("signatureHashOf", [modelHash]);
    return hex32(await this.options.rpc.call("eth_call", [{ to: this.options.modelRegistry, data }, "latest"]));
  }

  async admit(args: {
    modelHash: Hex32;
    signature: Uint8Array;
    issuedAt: number;
    expiresAt: number;
    proof: Uint8Array;
  }): Promise<void> {
    const data = MODEL_REGISTRY.encodeFunctionData("admit", [
      args.modelHash,
      bytesToHex(args.signature),
      args.issuedAt,
      args.expiresAt,
      bytesToHex(args.proof),
    ]);
    const gasLimit = SMALL_GAS + 100n * BigInt(args.signature.length);
    await this.write({ to: this.options.modelRegistry, data: data as HexBytes, gasLimit, label: "admit" });
  }

  private attested(
    name: "register" | "renew" | "rotate",
    input: RegistrationInput,
    before: readonly Address[] = [],
  ): Promise<Sent> {
    const registration = {
      verifierIndex: 0,
      document: bytesToHex(input.document),
      aux: "0x",
      endpoint: input.endpoint,
      keyConfig: bytesToHex(input.keyConfig),
      consentDeadline: 0,
      consent: "0x",
    };
    const data = REGISTRY.encodeFunctionData(name, [...before, registration]) as HexBytes;
    return this.write({ to: this.options.registry, data, gasLimit: REGISTER_GAS, label: name });
  }

  private async read(name: string, args: readonly unknown[]): Promise<readonly unknown[]> {
    const data = REGISTRY.encodeFunctionData(name, args);
    const answer = await this.options.rpc.call<string>("eth_call", [{ to: this.options.registry, data }, "latest"]);
    return REGISTRY.decodeFunctionResult(name, answer);
  }

  private async write(call: { to: Address; data: HexBytes; gasLimit: bigint; label: string }): Promise<Sent> {
    const { rpc, transactions } = this.options;
    const [simulated] = await rpc.batch([
      {
        method: "eth_call",
        params: [
          { from: transactions.address, to: call.to, data: call.data, gas: `0x${call.gasLimit.toString(16)}` },
          "latest",
        ],
      },
    ]);
    if (simulated !== undefined && !simulated.ok) {
      throw new AssayError({
        code: "REGISTRY_CALL_REVERTS",
        message: `${call.label} would be refused by the chain`,
        context: { label: call.label, selector: simulated.error.data?.slice(0, 10), data: simulated.error.data },
        retry: "later",
      });
    }
    const { nonce } = await transactions.send(call);
    return { open: () => transactions.isOpen(nonce) };
  }
}
