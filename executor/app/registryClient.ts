import { AssayError } from "../domain/errors";
import { type Address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import { bytesToHex } from "../protocol/bytes";
import { keccak256 } from "../protocol/statement";
import { type RpcClient, valueOrThrow } from "../rpc/client";
import { type PlannedRegistration, type RegistrationParts, RegistrationPlanner } from "./registration";
import { MODEL_REGISTRY, NITRO_VERIFIER, REGISTRY, revertName } from "./registryAbi";
import { ADVICE } from "./registryAdvice";
import type { PlannedRevocation } from "./revocation";

export interface SignerLife {
  /** 0 unknown, 1 active, 2 closed. */
  readonly state: number;
  readonly epochEnd: number;
  readonly heartbeatDue: number;
  readonly counter: bigint;
  /** It takes nothing new and is never renewed. */
  readonly draining: boolean;
}

/** What an operator signs where somebody else pays for a registration (EIP-712 `RegistrationConsent`). */
export interface RegistrationConsent {
  readonly payloadHash: Hex32;
  readonly operator: Address;
  /** Seconds of block time. */
  readonly deadline: number;
}

export interface RegistrationInput extends RegistrationParts {
  /** Asked for the operator's signature where another account pays. */
  readonly consent?: (consent: RegistrationConsent) => Promise<HexBytes>;
}

/** Who pays for calls: a stream of nonces that sends one after the other. */
export interface CallSender {
  readonly address: Address;
  send(call: { to: Address; data: HexBytes; gasLimit: bigint; label: string }): Promise<{ readonly nonce: number }>;
  /** Whether the transaction with this nonce may still land. */
  isOpen(nonce: number): boolean;
}

type AttestedCall = "register" | "renew" | "rotate";

const CONSENT_SECONDS = 3_600;
const SMALL_GAS = 250_000n;
/** `IRegistryGovernance.Role.Governor`. */
const GOVERNOR = 0;

/** A transaction that was sent: `open` until the chain has taken it, with or without its effect, or another in its place. */
export interface Sent {
  readonly open: () => boolean;
}

/** Where the contracts of a deployment are, as its record says. */
export interface RegistryContracts {
  readonly EnclaveRegistry: { readonly address: Address };
  readonly ModelRegistry: { readonly address: Address };
  readonly DevelopmentAttestationVerifier: { readonly address: Address };
  readonly NitroAttestationVerifier: { readonly address: Address };
}

/** Calls of the registries by the operator's key, through the same nonce stream as results. */
export class RegistryClient {
  private readonly planner: RegistrationPlanner;
  private readonly registry: Address;
  private readonly modelRegistry: Address;

  constructor(
    private readonly options: {
      readonly rpc: Pick<RpcClient, "call" | "batch">;
      readonly contracts: RegistryContracts;
      readonly transactions: CallSender;
    },
  ) {
    const { contracts, rpc } = options;
    this.registry = contracts.EnclaveRegistry.address;
    this.modelRegistry = contracts.ModelRegistry.address;
    this.planner = new RegistrationPlanner(rpc, {
      registry: this.registry,
      development: contracts.DevelopmentAttestationVerifier.address,
      nitro: contracts.NitroAttestationVerifier.address,
    });
  }

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

  /**
   * Registers a key by a document of either format. It is verified here and simulated first, so that a refusal costs nothing and comes with its
   * typed error.
   * @throws AssayError `REGISTRY_DOCUMENT_REFUSED`, `REGISTRY_CONSENT_MISSING`, `REGISTRY_CALL_REVERTS`, and those of `RegistrationPlanner.plan`
   */
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

  /** A key that drains ends what it has begun and takes nothing new. For its operator and its posters. */
  async drain(signer: Address): Promise<Sent> {
    const data = REGISTRY.encodeFunctionData("drain", [signer]) as HexBytes;
    return this.write({ to: this.registry, data, gasLimit: SMALL_GAS, label: "drain" });
  }

  async heartbeat(args: { signer: Address; counter: bigint; blockNumber: bigint; proof: Uint8Array }): Promise<Sent> {
    const data = REGISTRY.encodeFunctionData("heartbeat", [
      args.signer,
      args.counter,
      args.blockNumber,
      bytesToHex(args.proof),
    ]);
    return this.write({ to: this.registry, data: data as HexBytes, gasLimit: SMALL_GAS, label: "heartbeat" });
  }

  async close(signer: Address): Promise<void> {
    const data = REGISTRY.encodeFunctionData("close", [signer]) as HexBytes;
    await this.write({ to: this.registry, data, gasLimit: SMALL_GAS, label: "close" });
  }

  /** Kills every key of an image. `compromisedSince`: from which second on what they signed is no longer called authentic. For the revoker. */
  async revokeImage(imageId: Hex32, compromisedSince: number): Promise<void> {
    const data = REGISTRY.encodeFunctionData("revokeImage", [imageId, compromisedSince]) as HexBytes;
    await this.write({ to: this.registry, data, gasLimit: SMALL_GAS, label: "revokeImage" });
  }

  async revokeRoot(rootId: Hex32): Promise<void> {
    const data = REGISTRY.encodeFunctionData("revokeRoot", [rootId]) as HexBytes;
    await this.write({ to: this.registry, data, gasLimit: SMALL_GAS, label: "revokeRoot" });
  }

  /**
   * Kills the certificates that a list names. Permissionless: the list is signed.
   * @throws AssayError `REVOCATION_ALREADY_KNOWN` where the chain knows all of it
   */
  async revokeListed(crl: Uint8Array, { issuerKey, serials, gasLimit }: PlannedRevocation): Promise<void> {
    const to = this.options.contracts.NitroAttestationVerifier.address;
    const issuer = keccak256(issuerKey);
    const known = await this.options.rpc.batch(
      serials.map((serial) => {
        const data = NITRO_VERIFIER.encodeFunctionData("isRevoked", [issuer, bytesToHex(serial)]);
        return { method: "eth_call", params: [{ to, data }, "latest"] };
      }),
    );
    if (known.every((answer) => BigInt(valueOrThrow(answer, "eth_call") as string) === 1n))
      throw new AssayError({
        code: "REVOCATION_ALREADY_KNOWN",
        message: "the chain knows every entry of this list; nothing was sent",
        context: { entries: serials.length },
      });
    const data = NITRO_VERIFIER.encodeFunctionData("revoke", [bytesToHex(issuerKey), bytesToHex(crl)]) as HexBytes;
    await this.write({ to, data, gasLimit, label: "revoke" });
  }

  async setPoster(operatorId: number, poster: Address): Promise<void> {
    const data = REGISTRY.encodeFunctionData("setPoster", [operatorId, poster, true]) as HexBytes;
    await this.write({ to: this.registry, data, gasLimit: SMALL_GAS, label: "setPoster" });
  }

  async signatureHashOf(modelHash: Hex32): Promise<Hex32> {
    const data = MODEL_REGISTRY.encodeFunctionData("signatureHashOf", [modelHash]);
    return hex32(await this.options.rpc.call("eth_call", [{ to: this.modelRegistry, data }, "latest"]));
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
    await this.write({ to: this.modelRegistry, data: data as HexBytes, gasLimit, label: "admit" });
  }

  private async attested(name: AttestedCall, input: RegistrationInput, before: readonly Address[] = []): Promise<Sent> {
    const plan = await this.planner.plan(input);
    const { verifierIndex, aux, gasLimit } = plan;
    const registration = {
      verifierIndex,
      document: bytesToHex(input.document),
      aux,
      endpoint: input.endpoint,
      keyConfig: bytesToHex(input.keyConfig),
      ...(await this.consentFor(name, input, plan)),
    };
    const data = REGISTRY.encodeFunctionData(name, [...before, registration]) as HexBytes;
    return this.write({ to: this.registry, data, gasLimit, label: name });
  }

  /** The operator that sends has consented; for a renewal so has its poster. Anyone else brings the operator's signature over this very document. */
  private async consentFor(
    name: AttestedCall,
    input: RegistrationInput,
    { claims, userData: { operator }, now }: PlannedRegistration,
  ): Promise<{ consentDeadline: number; consent: HexBytes }> {
    const payer = this.options.transactions.address;
    const none = { consentDeadline: 0, consent: "0x" } as const;
    if (payer === operator) return none;
    if (name === "renew" && (await this.mayActFor(await this.operatorIdOf(operator), payer))) return none;
    if (input.consent === undefined)
      throw new AssayError({
        code: "REGISTRY_CONSENT_MISSING",
        message: `the document names the operator ${operator}, and ${payer} would pay: pay with the operator's key, or bring its consent`,
        context: { operator, payer },
      });
    const consentDeadline = now + CONSENT_SECONDS;
    const { payloadHash } = claims;
    return { consentDeadline, consent: await input.consent({ payloadHash, operator, deadline: consentDeadline }) };
  }

  private async operatorIdOf(operator: Address): Promise<number> {
    const [id] = await this.read("operatorIdOf", [operator]);
    return Number(id);
  }

  private async read(name: string, args: readonly unknown[]): Promise<readonly unknown[]> {
    const data = REGISTRY.encodeFunctionData(name, args);
    const answer = await this.options.rpc.call<string>("eth_call", [{ to: this.registry, data }, "latest"]);
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
      const { data, message } = simulated.error;
      const rule = revertName(data);
      throw new AssayError({
        code: "REGISTRY_CALL_REVERTS",
        message: `${call.label} would be refused by the chain, and was not sent: ${rule ?? message}${adviceOf(rule)}`,
        context: { label: call.label, rule, selector: data?.slice(0, 10), data },
        retry: "later",
      });
    }
    const { nonce } = await transactions.send(call);
    return { open: () => transactions.isOpen(nonce) };
  }
}

const adviceOf = (rule: string | undefined): string => {
  const advice = rule === undefined ? undefined : ADVICE[rule];
  return advice === undefined ? "" : ` (${advice})`;
};
