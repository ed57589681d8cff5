import { generateKeyPairSync, type KeyObject } from "node:crypto";
import {
  type BaseWallet,
  type Contract,
  computeAddress,
  HDNodeWallet,
  id,
  isError,
  Mnemonic,
  SigningKey,
  Wallet,
} from "ethers";
import type { HardhatRuntimeEnvironment } from "hardhat/types";
import { contractOf, type DeployOptions, deployAssay } from "../../../executor/deployment/deploy";
import type { DeploymentRecord } from "../../../executor/deployment/record";
import { AssayError } from "../../../executor/domain/errors";
import { type Address, address, type Hex32, hex32 } from "../../../executor/domain/ids";
import type { ExplainChain } from "../../../executor/explain/ports";
import { bytesToHex, hexToBytes } from "../../../executor/protocol/bytes";
import { signCoseSign1 } from "../../../executor/protocol/cose";
import { encodeNitroPayload } from "../../../executor/protocol/nitroDocument";
import { imageIdOf, rawP256Key, rootIdOf } from "../../../executor/protocol/nitroDocumentVerify";
import {
  boundStatement,
  domainSeparator,
  hashRefusal,
  hashResult,
  keccak256,
  typedDigest,
} from "../../../executor/protocol/statement";
import { encodeTensorSet } from "../../../executor/protocol/tensorSet";
import { DType } from "../../../executor/protocol/tensorType";
import { tensorFrom } from "../../../executor/protocol/tensorValues";
import { decodeTerms, encodeTerms, standardTerms, type Terms } from "../../../executor/protocol/terms";
import { encodeUserData } from "../../../executor/protocol/userData";

const PCRS = new Map(
  [...Array(16).keys()].map((index) => [index, new Uint8Array(48).fill(index < 3 ? index + 1 : 0)] as const),
);
const KEY_CONFIG = `0x010020${"42".repeat(32)}000400010001`;
export const PROFILE = hex32(id("profile"));
export const MODEL = hex32(id("model"));
export const INPUT = encodeTensorSet([
  { name: "x", tensor: tensorFrom({ dtype: DType.float, dims: [1, 2], values: [1, 2] }) },
]);
export const OUTPUT = encodeTensorSet([
  { name: "y", tensor: tensorFrom({ dtype: DType.float, dims: [1, 1], values: [0.25] }) },
]);

/** A request as the tests made it. */
export interface Asked {
  readonly requestId: Hex32;
  readonly request: {
    requester: Address;
    salt: Hex32;
    modelHash: Hex32;
    inputHash: Hex32;
    terms: `0x${string}`;
    rewardWei: bigint;
  };
  readonly terms: Terms;
}

/** Real contracts, a real root and documents, and an enclave that is nothing but its key: the answers are made up, the signatures are not. */
export class World {
  readonly key = new SigningKey(id("explained enclave"));
  readonly signer = address(computeAddress(this.key.publicKey));
  readonly domain: Hex32;
  #salt = 0;

  constructor(
    readonly hre: HardhatRuntimeEnvironment,
    readonly record: DeploymentRecord,
    readonly operator: BaseWallet,
    readonly asker: BaseWallet,
    readonly root: KeyObject,
  ) {
    this.domain = domainSeparator({
      name: "Assay",
      chainId: BigInt(record.chainId),
      contract: record.contracts.InferenceHub.address,
    });
  }

  get hub(): Contract {
    return contractOf(this.record, "InferenceHub", this.operator);
  }

  get registry(): Contract {
    return contractOf(this.record, "EnclaveRegistry", this.operator);
  }

  async now(): Promise<number> {
    return (await this.operator.provider?.getBlock("latest"))?.timestamp ?? 0;
  }

  async mine(call: string, target: Contract, ...args: unknown[]): Promise<Hex32> {
    const sent = await target.getFunction(call)(...args, { gasLimit: 5_000_000 });
    return hex32((await sent.wait()).hash);
  }

  /** The calldata parts of a registration of this world's key; the level and anything else can be made wrong. */
  async registration(change: { level?: number; root?: KeyObject; key?: SigningKey } = {}) {
    const userData = encodeUserData({
      level: change.level ?? 3,
      hardwareRooted: false,
      chainId: BigInt(this.record.chainId),
      registry: this.record.contracts.EnclaveRegistry.address,
      hubDomain: this.domain,
      operator: address(this.operator.address),
      payout: address(this.operator.address),
      endpointHash: keccak256(new Uint8Array()),
      keyConfigHash: keccak256(hexToBytes(KEY_CONFIG)),
      runtimeProfile: PROFILE,
    });
    const payload = encodeNitroPayload({
      moduleId: "assay-test",
      timestampMs: BigInt(await this.now()) * 1000n,
      pcrs: PCRS,
      certificate: new Uint8Array(),
      cabundle: [],
      publicKey: hexToBytes((change.key ?? this.key).publicKey),
      userData,
      nonce: new Uint8Array(),
    });
    const document = signCoseSign1({ payload, key: change.root ?? this.root });
    return {
      verifierIndex: 0,
      document,
      aux: "0x",
      endpoint: "",
      keyConfig: KEY_CONFIG,
      consentDeadline: 0,
      consent: "0x",
    };
  }

  async ask(fields: Partial<Terms> = {}, rewardWei = 1_000n): Promise<Asked> {
    const terms = encodeTerms(standardTerms({ deadline: (await this.now()) + 600, ...fields }));
    const salt = hex32(id(`salt ${this.#salt++}`));
    const hub = this.hub.connect(this.asker) as Contract;
    const args = [MODEL, INPUT, terms, salt, { value: rewardWei }] as const;
    const requestId = hex32(await hub.getFunction("request").staticCall(...args));
    await (await hub.getFunction("request")(...args)).wait();
    const request = {
      requester: address(this.asker.address),
      salt,
      modelHash: MODEL,
      inputHash: keccak256(INPUT),
      terms: bytesToHex(terms),
      rewardWei,
    };
    return { requestId, request, terms: decodeTerms(terms) };
  }

  async result(asked: Asked, change: { output?: Uint8Array; key?: SigningKey } = {}) {
    const output = change.output ?? OUTPUT;
    const issuedAt = await this.now();
    const times = { issuedAt, expiresAt: issuedAt + 3_600 };
    const statement = boundStatement({
      requestId: asked.requestId,
      request: asked.request,
      terms: asked.terms,
      outputHash: keccak256(output),
      runtimeProfile: PROFILE,
      ...times,
    });
    const proof = (change.key ?? this.key).sign(typedDigest(this.domain, hashResult(statement))).compactSerialized;
    return {
      statement: { request: asked.request, runtimeProfile: PROFILE, ...times },
      output: bytesToHex(output),
      proof,
    };
  }

  async fulfill(asked: Asked): Promise<Hex32> {
    const { statement, output, proof } = await this.result(asked);
    return this.mine("fulfill", this.hub, statement, output, proof);
  }

  async refuse(asked: Asked, reason: number): Promise<Hex32> {
    const issuedAt = await this.now();
    const refusal = { requestId: asked.requestId, reason, issuedAt, expiresAt: issuedAt + 3_600 };
    const proof = this.key.sign(typedDigest(this.domain, hashRefusal(refusal))).compactSerialized;
    return this.mine("refuse", this.hub, asked.request, reason, refusal.issuedAt, refusal.expiresAt, proof);
  }

  /** The chain as an explanation reads it; `change` plays a node that lies or has lost something. */
  chain(
    change: (method: string, params: readonly unknown[], answer: unknown) => unknown = (_method, _params, answer) =>
      answer,
  ): ExplainChain {
    return {
      call: async <T>(method: string, params: readonly unknown[] = []) => {
        try {
          return change(method, params, await this.hre.network.provider.send(method, [...params])) as T;
        } catch (cause) {
          if (cause instanceof AssayError || isError(cause, "CANCELLED")) throw cause;
          throw new AssayError({ code: "RPC_ERROR", message: "the node refused", cause });
        }
      },
    };
  }

  async passSeconds(seconds: number): Promise<void> {
    await this.hre.network.provider.send("evm_increaseTime", [seconds]);
    await this.hre.network.provider.send("evm_mine", []);
  }
}

const MNEMONIC = Mnemonic.fromPhrase("test test test test test test test test test test test junk");
const wallet = (index: number): BaseWallet =>
  new Wallet(HDNodeWallet.fromMnemonic(MNEMONIC, `m/44'/60'/0'/0/${index}`).privateKey);

/** A fresh deployment on the in-process chain with one registered enclave key. */
export async function openWorld(options: Partial<DeployOptions> = {}): Promise<World> {
  const hre = (await import("hardhat")).default;
  const { privateKey: root } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const rootPublicKey = rawP256Key(root);
  const imageId = imageIdOf({ rootId: rootIdOf(rootPublicKey), pcrs: PCRS });
  const [deployer] = await hre.ethers.getSigners();
  if (deployer === undefined) throw new Error("no accounts");
  const record = await deployAssay({ network: "hardhat", deployer, rootPublicKey, images: [imageId], ...options });
  const [operator, asker] = [wallet(1).connect(hre.ethers.provider), wallet(2).connect(hre.ethers.provider)];
  const world = new World(hre, record, operator, asker, root);
  await world.mine("register", world.registry, await world.registration());
  return world;
}
