import {
  Contract,
  ContractFactory,
  type Interface,
  type JsonRpcProvider,
  keccak256,
  type Signer,
  type SigningKey,
} from "ethers";
import { CONTRACT_SOURCES, readArtifact } from "../../../executor/deployment/artifacts";
import type { DeploymentRecord } from "../../../executor/deployment/record";
import { address, hex32 } from "../../../executor/domain/ids";
import { deployWorld, now, registrationOf } from "../../contracts/helpers/world";
import { h } from "../jobs/fixtures";

/** Where the mocks of the contracts' tests are compiled from. */
const sourceOf = (name: string): string =>
  (CONTRACT_SOURCES as Record<string, string>)[name] ?? (name.startsWith("Mock") ? `mocks/${name}.sol` : `${name}.sol`);

const factory = (name: string, signer: Signer) => {
  const { abi, bytecode } = readArtifact(sourceOf(name), name);
  return new ContractFactory(abi, bytecode, signer);
};

/** All contracts of a deployment on a real node, with one enclave, whose key the test holds, registered by the relayer. */
export async function openPipeWorld(
  provider: JsonRpcProvider,
  { relayer, key }: { readonly relayer: Signer; readonly key: SigningKey },
): Promise<{ readonly record: DeploymentRecord; readonly hub: Contract; readonly forwarder: Contract }> {
  const deployer = await provider.getSigner(0);
  const ethers = { getContractFactory: async (name: string, signer: Signer) => factory(name, signer) };
  const world = await deployWorld({ ethers } as never, deployer);
  const operator = await relayer.getAddress();
  const { registration } = registrationOf(world, { key, operator, attestedAt: await now(deployer) });
  const registry = new Contract(world.registry.target, world.registry.interface as Interface, relayer);
  await (await registry.getFunction("register")(registration)).wait();
  const hub = new Contract(world.hub.target, world.hub.interface as Interface, deployer);
  const forwarder = (await factory("IntentForwarder", deployer).deploy(hub.target)) as Contract;
  const delegate = await factory("BatchDelegate", deployer).deploy();
  await delegate.waitForDeployment();
  const entry = async (at: unknown) => ({
    address: address(at),
    block: 0,
    transactionHash: h("deployment"),
    codeHash: hex32(keccak256(await provider.getCode(String(at)))),
    abi: [],
  });
  const record: DeploymentRecord = {
    network: "test",
    chainId: "31337",
    genesisHash: hex32((await provider.getBlock(0))?.hash),
    contracts: {
      DevelopmentAttestationVerifier: await entry(world.verifier),
      EnclaveRegistry: await entry(world.registry.target),
      InferenceHub: await entry(hub.target),
      ModelRegistry: await entry(world.models.target),
      IntentForwarder: await entry(forwarder.target),
      BatchDelegate: await entry(delegate.target),
      // Not deployed here: nothing of the client asks for them.
      NitroAttestationVerifier: await entry(world.verifier),
      P384: await entry(world.verifier),
    },
    rootId: h("root"),
    images: [],
    epochSeconds: 1,
    heartbeatSeconds: 1,
    changeDelaySeconds: 1,
    developmentLevelAllowed: false,
  };
  return { record, hub, forwarder };
}
