import type { Contract, Signer } from "ethers";
import { contractOf } from "../deployment/deploy";
import type { DeploymentRecord } from "../deployment/record";
import { address, hex32 } from "../domain/ids";
import type { Platform } from "../enclave/platform/platform";
import type { Enclave } from "../enclave/ports";
import { startEnclave } from "../enclave/supervisor";
import { bytesToHex, hexToBytes } from "../protocol/bytes";
import { accepted } from "./accepted";

export interface LevelZeroParts {
  readonly record: DeploymentRecord;
  readonly platform: Platform;
  /** Registers the enclave, and is paid. */
  readonly operator: Signer;
}

/**
 * An enclave of level 0 that the registry vouches for at any time. A test that moves the clock past an epoch or a heartbeat, or reverts the chain
 * to a snapshot from before the registration, gets a new key of the same image and profile, as a daemon that was restarted would have.
 */
export class LevelZero {
  #enclave: Enclave | undefined;
  readonly #registry: Contract;

  constructor(private readonly parts: LevelZeroParts) {
    this.#registry = contractOf(parts.record, "EnclaveRegistry", parts.operator);
  }

  /** @throws AssayError `TESTING_CALL_REFUSED` with the registry's typed error, where it does not take the document */
  async live(): Promise<Enclave> {
    if (this.#enclave !== undefined && (await this.#usable(this.#enclave))) return this.#enclave;
    await this.close();
    const enclave = await this.#start();
    try {
      await this.#register(enclave);
    } catch (error) {
      await enclave.close();
      throw error;
    }
    this.#enclave = enclave;
    return enclave;
  }

  async close(): Promise<void> {
    const enclave = this.#enclave;
    this.#enclave = undefined;
    await enclave?.close();
  }

  async #usable({ description: { signer, imageId } }: Enclave): Promise<boolean> {
    const [code] = (await this.#registry.getFunction("check").staticCall(signer, 0, imageId)) as [bigint];
    return code === 0n;
  }

  async #start(): Promise<Enclave> {
    const { record, platform, operator } = this.parts;
    const account = address(await operator.getAddress());
    return startEnclave({
      chainId: BigInt(record.chainId),
      registry: record.contracts.EnclaveRegistry.address,
      hub: record.contracts.InferenceHub.address,
      operator: account,
      payout: account,
      endpoint: "",
      platform,
      minimumLevel: 0,
    });
  }

  /** The document names the newest block but one: the call that estimates gas may run inside the newest, which does not know its own hash. */
  async #register(enclave: Enclave): Promise<void> {
    const { operator } = this.parts;
    const head = await operator.provider?.getBlock("latest");
    const nonce = new Uint8Array(40);
    new DataView(nonce.buffer).setBigUint64(0, BigInt((head?.number ?? 1) - 1));
    nonce.set(hexToBytes(hex32(head?.parentHash)), 8);
    const registration = {
      verifierIndex: 0,
      document: bytesToHex(await enclave.attest({ nonce })),
      aux: "0x",
      endpoint: "",
      keyConfig: bytesToHex(enclave.description.keyConfig),
      consentDeadline: 0,
      consent: "0x",
    };
    const data = this.#registry.interface.encodeFunctionData("register", [registration]);
    await accepted({ contract: this.#registry, sender: operator, data });
  }
}
