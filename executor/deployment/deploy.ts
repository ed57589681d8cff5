import { Contract, ContractFactory, getCreateAddress, type Signer } from "ethers";
import { isDevelopmentChain } from "../domain/developmentChains";
import { AssayError } from "../domain/errors";
import { address, type Hex32, hex32 } from "../domain/ids";
import { bytesToHex, hexToBytes } from "../protocol/bytes";
import { keccak256 } from "../protocol/statement";
import { CONTRACT_SOURCES, type ContractName, readArtifact } from "./artifacts";
import { AWS_NITRO_ROOT } from "./nitroRoot";
import type { DeploymentRecord } from "./record";

export interface DeployOptions {
  readonly network: string;
  /** Pays, and is governor and revoker unless others are named. */
  readonly deployer: Signer;
  /** Public key of the development root, x and y, 64 bytes. */
  readonly rootPublicKey: Uint8Array;
  /** Images that are live at once; later ones wait for the timelock. */
  readonly images: readonly Hex32[];
  readonly governor?: string;
  readonly revoker?: string;
  readonly epochSeconds?: number;
  readonly heartbeatSeconds?: number;
  readonly changeDelaySeconds?: number;
  /** A root of AWS's format other than AWS's, for development chains; what it vouches for has a software level. */
  readonly nitroRoot?: { readonly certificateHash: Hex32; readonly rootId: Hex32 };
  /** Level 0 for consumers' unit tests; the registry refuses it outside development chains. */
  readonly developmentLevelAllowed?: boolean;
}

const HOUR = 3_600;
const PRODUCTION_DELAY_SECONDS = 7 * 24 * HOUR;

/**
 * Deploys the verifiers (index 0: development root, 1: AWS Nitro), registry, hub, model registry, and for PIPE the intents' forwarder and the
 * accounts' delegate. The registry must know the hub before the hub exists, because enclaves attest to the
 * hub's domain; so the hub's address is predicted from the deployer's nonce and checked by the hub's own constructor.
 * @throws AssayError `DEPLOYMENT_NONCE_TAKEN` when the deployer sent something else in between
 */
export async function deployAssay(options: DeployOptions): Promise<DeploymentRecord> {
  const { deployer } = options;
  const provider = deployer.provider;
  if (provider === null)
    throw new AssayError({ code: "DEPLOYMENT_NO_PROVIDER", message: "the deployer is not connected to a chain" });
  const { chainId } = await provider.getNetwork();
  const development = isDevelopmentChain(chainId);
  const from = await deployer.getAddress();
  const rootId = keccak256(options.rootPublicKey);
  const parameters = {
    epochSeconds: options.epochSeconds ?? 24 * HOUR,
    heartbeatSeconds: options.heartbeatSeconds ?? 6 * HOUR,
    changeDelaySeconds: options.changeDelaySeconds ?? (development ? 60 : PRODUCTION_DELAY_SECONDS),
    developmentLevelAllowed: options.developmentLevelAllowed ?? false,
  };

  const deployed = {} as Record<ContractName, DeploymentRecord["contracts"][ContractName]>;
  let nonce = await deployer.getNonce("latest");
  const deploy = async (name: ContractName, args: readonly unknown[]): Promise<string> => {
    const { abi, bytecode } = readArtifact(CONTRACT_SOURCES[name], name);
    const contract = await new ContractFactory(abi, bytecode, deployer).deploy(...args, { nonce: nonce++ });
    await contract.waitForDeployment();
    const receipt = await contract.deploymentTransaction()?.wait();
    const at = await contract.getAddress();
    const code = await provider.getCode(at);
    deployed[name] = {
      address: address(at),
      block: receipt?.blockNumber ?? 0,
      transactionHash: hex32(receipt?.hash),
      codeHash: keccak256(hexToBytes(code)),
      abi: abi as unknown[],
    };
    return at;
  };

  const nitroRoot = options.nitroRoot ?? AWS_NITRO_ROOT;
  const [x, y] = [options.rootPublicKey.subarray(0, 32), options.rootPublicKey.subarray(32, 64)].map(bytesToHex);
  const verifier = await deploy("DevelopmentAttestationVerifier", [x, y]);
  const nitro = await deploy("NitroAttestationVerifier", [await deploy("P384", []), nitroRoot.certificateHash]);
  const predictedHub = getCreateAddress({ from, nonce: nonce + 1 });
  const registry = await deploy("EnclaveRegistry", [
    {
      hub: predictedHub,
      ...parameters,
      governor: options.governor ?? from,
      revoker: options.revoker ?? from,
      verifiers: [verifier, nitro],
      roots: [
        { rootId, hardware: false },
        { rootId: nitroRoot.rootId, hardware: options.nitroRoot === undefined },
      ],
      images: options.images,
    },
  ]);
  const hub = await deploy("InferenceHub", [registry]);
  if (hub !== predictedHub) {
    throw new AssayError({
      code: "DEPLOYMENT_NONCE_TAKEN",
      message: "the deployer sent another transaction while deploying; deploy again",
      context: { expected: predictedHub, actual: hub },
      retry: "later",
    });
  }
  await deploy("ModelRegistry", [registry]);
  await deploy("IntentForwarder", [hub]);
  await deploy("BatchDelegate", []);

  const genesis = await provider.getBlock(0);
  return {
    network: options.network,
    chainId: chainId.toString(),
    genesisHash: hex32(genesis?.hash),
    contracts: deployed,
    rootId,
    images: [...options.images],
    ...parameters,
  };
}

/** A contract of a deployment, ready to be called. */
export function contractOf(
  record: DeploymentRecord,
  name: ContractName,
  runner: ConstructorParameters<typeof Contract>[2],
): Contract {
  const { address: at, abi } = record.contracts[name];
  return new Contract(at, abi as never, runner);
}
