import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { AssayError } from "../domain/errors";
import { type Address, address, type Hex32, hex32 } from "../domain/ids";
import { hexToBytes } from "../protocol/bytes";
import { keccak256 } from "../protocol/statement";

const hashField = z.string().transform((value) => hex32(value));
const addressField = z.string().transform((value) => address(value));

const contractSchema = z.object({
  address: addressField,
  block: z.number().int().nonnegative(),
  transactionHash: hashField,
  /** keccak256 of the code on the chain; immutables included. */
  codeHash: hashField,
  abi: z.array(z.unknown()),
});

const recordSchema = z.strictObject({
  network: z.string(),
  chainId: z.string().regex(/^\d+$/),
  genesisHash: hashField,
  contracts: z.strictObject({
    DevelopmentAttestationVerifier: contractSchema,
    EnclaveRegistry: contractSchema,
    InferenceHub: contractSchema,
    ModelRegistry: contractSchema,
    IntentForwarder: contractSchema,
    BatchDelegate: contractSchema,
    NitroAttestationVerifier: contractSchema,
    P384: contractSchema,
  }),
  rootId: hashField,
  images: z.array(hashField),
  epochSeconds: z.number().int(),
  heartbeatSeconds: z.number().int(),
  changeDelaySeconds: z.number().int(),
  developmentLevelAllowed: z.boolean(),
});

/** What was deployed where, as `deployments/<network>.json` holds it. */
export type DeploymentRecord = z.output<typeof recordSchema>;

/** @throws AssayError `DEPLOYMENT_MISSING`, `DEPLOYMENT_MALFORMED` */
export function readDeployment(path: string): DeploymentRecord {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new AssayError({
      code: "DEPLOYMENT_MISSING",
      message: `there is no deployment at ${path}; deploy first: npm run deploy`,
      context: { path },
      cause,
    });
  }
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AssayError({
      code: "DEPLOYMENT_MALFORMED",
      message: `${path} is no deployment record; write it again: npm run deploy`,
      context: { path },
      cause,
    });
  }
}

/** Written beside and renamed, so that a reader never sees half a record. */
export function writeDeployment(path: string, record: DeploymentRecord): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}

/** What a check reads of the chain. */
export interface DeploymentChain {
  chainId(): Promise<bigint>;
  genesisHash(): Promise<Hex32>;
  code(account: Address): Promise<`0x${string}`>;
}

/**
 * Compares a record with the chain. Addresses repeat when a local node is started again, so the address alone proves nothing:
 * the genesis hash tells two runs of one node apart, the code hash two versions of a contract.
 * @throws AssayError `DEPLOYMENT_WRONG_CHAIN`, `DEPLOYMENT_GENESIS_MISMATCH`, `DEPLOYMENT_CODE_MISMATCH`
 */
export async function checkDeployment(record: DeploymentRecord, chain: DeploymentChain): Promise<void> {
  const chainId = await chain.chainId();
  if (chainId !== BigInt(record.chainId)) {
    throw new AssayError({
      code: "DEPLOYMENT_WRONG_CHAIN",
      message: `the deployment is on chain ${record.chainId}, the RPC address on chain ${chainId}`,
      context: { expected: record.chainId, actual: chainId.toString() },
    });
  }
  const genesis = await chain.genesisHash();
  if (genesis !== record.genesisHash) {
    throw new AssayError({
      code: "DEPLOYMENT_GENESIS_MISMATCH",
      message: "the chain was started anew since the deployment; deploy again: npm run deploy",
      context: { expected: record.genesisHash, actual: genesis },
    });
  }
  for (const [name, contract] of Object.entries(record.contracts)) {
    const actual = keccak256(hexToBytes(await chain.code(contract.address)));
    if (actual !== contract.codeHash) {
      throw new AssayError({
        code: "DEPLOYMENT_CODE_MISMATCH",
        message: `${name} at ${contract.address} is not what was deployed; deploy again: npm run deploy`,
        context: { name, address: contract.address, expected: contract.codeHash, actual },
      });
    }
  }
}
