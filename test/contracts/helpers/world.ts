import {
  AbiCoder,
  type BaseContract,
  type ContractMethod,
  type ContractTransactionReceipt,
  concat,
  getCreateAddress,
  id,
  keccak256,
  type Signer,
  SigningKey,
  type TransactionReceipt,
  type TypedDataDomain,
  TypedDataEncoder,
  toBeHex,
  toUtf8Bytes,
  ZeroHash,
} from "ethers";
import type { HardhatRuntimeEnvironment } from "hardhat/types";
import { hubDomain, registryDomain } from "./statements";

/** A contract with these methods; a literal union, so that a misspelt one does not compile. */
export type With<Names extends string> = BaseContract & { readonly [N in Names]: ContractMethod };

export type Hub = With<
  | "request"
  | "fulfill"
  | "fulfillBatch"
  | "refuse"
  | "retryCallback"
  | "refund"
  | "withdraw"
  | "withdrawOperator"
  | "verify"
  | "statusOf"
  | "creditOf"
  | "operatorCreditOf"
  | "wasAuthentic"
  | "domainSeparator"
  | "registry"
  | "infer"
  | "tryInfer"
  | "peek"
  | "isPresent"
  | "provide"
  | "publish"
  | "publishFor"
  | "prune"
  | "deposit"
  | "grant"
  | "giveNotice"
  | "reclaim"
  | "grantOf"
>;
export type Registry = With<
  | "register"
  | "renew"
  | "heartbeat"
  | "rotate"
  | "drain"
  | "close"
  | "setPayout"
  | "setPoster"
  | "check"
  | "checkFor"
  | "wasActive"
  | "lifeOf"
  | "payoutOf"
  | "operatorOf"
  | "operatorIdOf"
  | "mayActFor"
  | "spentDocument"
  | "hub"
  | "hubDomain"
  | "domainSeparator"
  | "developmentLevelAllowed"
  | "epochSeconds"
  | "heartbeatSeconds"
  | "drainSeconds"
  | "scheduleImage"
  | "revokeImage"
  | "scheduleRoot"
  | "revokeRoot"
  | "scheduleVerifier"
  | "revokeVerifier"
  | "scheduleRole"
  | "acceptRole"
  | "holderOf"
  | "imageOf"
  | "rootOf"
  | "verifierOf"
  | "changeDelaySeconds"
>;
export type Models = With<"admit" | "signatureHashOf" | "register" | "deprecate" | "resolve" | "registry">;

export const ROOT_SOFTWARE = id("root/software");
export const ROOT_HARDWARE = id("root/hardware");
export const PCRS = [1, 2, 3].map((n) => `0x${toBeHex(n, 1).slice(2).repeat(48)}`);
export const PROFILE = id("profile");

/** `keccak256(rootId ‖ pcr0 ‖ pcr1 ‖ pcr2)`. */
export const imageIdOf = (rootId: string, pcrs: readonly string[] = PCRS) => keccak256(concat([rootId, ...pcrs]));

export const IMAGE = imageIdOf(ROOT_SOFTWARE);
export const IMAGE_HARDWARE = imageIdOf(ROOT_HARDWARE);

export interface RegistryOptions {
  readonly hub?: string;
  readonly epochSeconds?: number;
  readonly heartbeatSeconds?: number;
  readonly changeDelaySeconds?: number;
  readonly developmentLevelAllowed?: boolean;
  readonly governor?: string;
  readonly revoker?: string;
  readonly verifiers?: readonly string[];
  readonly roots?: readonly { readonly rootId: string; readonly hardware: boolean }[];
  readonly images?: readonly string[];
}

export interface World {
  readonly hub: Hub;
  readonly registry: Registry;
  readonly models: Models;
  readonly verifier: string;
  readonly domain: TypedDataDomain;
  readonly registryDomain: TypedDataDomain;
  readonly chainId: bigint;
}

/** Deploys by `deployer`, with the hub's address predicted from its nonce as the deployment script does. */
export async function deployWorld(
  hre: HardhatRuntimeEnvironment,
  deployer: Signer,
  options: RegistryOptions = {},
): Promise<World> {
  const deploy = async (name: string, args: readonly unknown[]) => {
    const factory = await hre.ethers.getContractFactory(name, deployer);
    const contract = await factory.deploy(...args);
    await contract.waitForDeployment();
    return contract;
  };
  const from = await deployer.getAddress();
  const provider = deployer.provider;
  if (provider === null) throw new Error("the deployer needs a provider");
  const verifier = await (await deploy("MockAttestationVerifier", [])).getAddress();
  const nonce = await provider.getTransactionCount(from);
  const hubAddress = getCreateAddress({ from, nonce: nonce + 1 });
  const registry = (await deploy("EnclaveRegistry", [
    {
      hub: hubAddress,
      epochSeconds: 86_400,
      heartbeatSeconds: 3_600,
      changeDelaySeconds: 100,
      developmentLevelAllowed: false,
      governor: from,
      revoker: from,
      verifiers: [verifier],
      roots: [
        { rootId: ROOT_SOFTWARE, hardware: false },
        { rootId: ROOT_HARDWARE, hardware: true },
      ],
      images: [IMAGE, IMAGE_HARDWARE],
      ...options,
    },
  ])) as unknown as Registry;
  const hub = (await deploy("InferenceHub", [await registry.getAddress()])) as unknown as Hub;
  const models = (await deploy("ModelRegistry", [await registry.getAddress()])) as unknown as Models;
  const { chainId } = await provider.getNetwork();
  return {
    hub,
    registry,
    models,
    verifier,
    domain: hubDomain(chainId, hubAddress),
    registryDomain: registryDomain(chainId, await registry.getAddress()),
    chainId,
  };
}

/** A key born in an enclave, the same in every run. */
export const enclaveKey = (name: string) => new SigningKey(id(`enclave/${name}`));

export interface DocumentOptions {
  readonly key: SigningKey;
  readonly operator: string;
  readonly payout?: string;
  /** Seconds. */
  readonly attestedAt: bigint;
  readonly level?: number;
  readonly hardwareRooted?: boolean;
  readonly rootId?: string;
  readonly pcrs?: readonly string[];
  readonly publicKey?: string;
  readonly nonce?: string;
  readonly userData?: string;
  readonly chainId?: bigint;
  readonly registry?: string;
  readonly hubDomain?: string;
  readonly endpoint?: string;
  readonly keyConfig?: string;
  readonly version?: bigint;
  /** Makes two documents of equal content differ, as their signatures would. */
  readonly serial?: string;
}

const USER_DATA = "uint256,uint256,uint256,uint256,address,bytes32,address,address,bytes32,bytes32,bytes32".split(",");
const CLAIMS =
  "tuple(bytes32 rootId,bytes32 payloadHash,uint64 timestampMs,string moduleId,bytes pcr0,bytes pcr1,bytes pcr2,bytes publicKey,bytes userData,bytes nonce)";
export const ENDPOINT = "https://enclave.example";
export const KEY_CONFIG = `0x010020${"42".repeat(32)}000400010001`;

/** `user_data`, 352 bytes. */
export function userDataOf(world: World, o: DocumentOptions): string {
  return AbiCoder.defaultAbiCoder().encode(USER_DATA, [
    o.version ?? 1n,
    o.level ?? 3,
    o.hardwareRooted ? 1 : 0,
    o.chainId ?? world.chainId,
    o.registry ?? world.registry.target,
    o.hubDomain ?? TypedDataEncoder.hashDomain(world.domain),
    o.operator,
    o.payout ?? o.operator,
    keccak256(toUtf8Bytes(o.endpoint ?? ENDPOINT)),
    keccak256(o.keyConfig ?? KEY_CONFIG),
    PROFILE,
  ]);
}

/** A registration with the mock verifier's document: the ABI-encoded claims. */
export function registrationOf(world: World, o: DocumentOptions) {
  const pcrs = o.pcrs ?? PCRS;
  const claims = {
    rootId: o.rootId ?? ROOT_SOFTWARE,
    payloadHash: ZeroHash,
    timestampMs: o.attestedAt * 1000n,
    moduleId: "assay-test",
    pcr0: pcrs[0],
    pcr1: pcrs[1],
    pcr2: pcrs[2],
    publicKey: o.publicKey ?? o.key.publicKey,
    userData: o.userData ?? userDataOf(world, o),
    nonce: o.nonce ?? "0x",
  };
  const payload = AbiCoder.defaultAbiCoder().encode([CLAIMS, "string"], [claims, o.serial ?? ""]);
  const payloadHash = keccak256(payload);
  return {
    payloadHash,
    registration: {
      verifierIndex: 0,
      document: AbiCoder.defaultAbiCoder().encode([CLAIMS], [{ ...claims, payloadHash }]),
      aux: "0x",
      endpoint: ENDPOINT,
      keyConfig: KEY_CONFIG,
      consentDeadline: 0n,
      consent: "0x",
    },
  };
}

/** The time of the newest block, seconds. */
export async function now(signer: Signer): Promise<bigint> {
  const block = await signer.provider?.getBlock("latest");
  if (!block) throw new Error("no block");
  return BigInt(block.timestamp);
}

/** Waits for a transaction that must succeed. */
export function mined(
  sent: Promise<{ wait(): Promise<ContractTransactionReceipt | null> }>,
): Promise<ContractTransactionReceipt>;
export function mined(sent: Promise<{ wait(): Promise<TransactionReceipt | null> }>): Promise<TransactionReceipt>;
export async function mined(sent: Promise<{ wait(): Promise<TransactionReceipt | null> }>) {
  const receipt = await (await sent).wait();
  if (receipt === null) throw new Error("not mined");
  return receipt;
}

/** A contract as seen by another sender, with its methods. */
export const as = <C extends BaseContract>(contract: C, sender: Signer): C => contract.connect(sender) as C;
