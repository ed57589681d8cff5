import type { DeploymentRecord } from "../deployment/record";
import { AssayError } from "../domain/errors";
import { type Address, type Hex32, ZERO_32 } from "../domain/ids";
import type { FilledInference } from "../domain/inference";
import { signerOf } from "../explain/answer";
import { type ChainReader, REGISTRY } from "../explain/reader";
import { hexToBytes } from "../protocol/bytes";
import { inferenceOf, portableStatement } from "../protocol/portable";
import { CLOCK_SKEW_SECONDS, domainSeparator, hashResult, MAX_RESULT_LIFETIME_SECONDS } from "../protocol/statement";
import type { EngineResult } from "./pipeEngine";

/** As the registry and the hub number them (docs/protocol.md, section 5). */
const OK = 0;

export interface CheckArgs {
  /** Reads the user's own node, never the engine. */
  readonly reader: ChainReader;
  readonly record: DeploymentRecord;
  readonly results: readonly EngineResult[];
  /** The most that all of them may cost together. */
  readonly maxFeeWei: bigint;
  /** How long each must still be good after the newest block, seconds. */
  readonly marginSeconds: number;
}

/**
 * Checks everything that the hub will check, before the user signs: each key is recomputed from model, input and demand; the EIP-712 signature is recovered, and
 * the registry asked, on the chain and under that very demand, whether it vouches for the key that signed; profile, times and fees.
 * @throws AssayError `CLIENT_PIPE_RESULT_INVALID` with `index` and `why`, `CLIENT_PIPE_FEE_TOO_HIGH`
 */
export async function checkResults(args: CheckArgs): Promise<readonly FilledInference[]> {
  const { timestamp } = await args.reader.block("latest");
  const checked: FilledInference[] = [];
  const keys = new Set<Hex32>();
  for (const [index, result] of args.results.entries()) {
    const fail = (why: string, context: object = {}): AssayError =>
      new AssayError({
        code: "CLIENT_PIPE_RESULT_INVALID",
        message: `result ${index} of the engine does not hold: ${why}`,
        context: { index, why, ...context },
      });
    const filled = await checkOne(args, result, timestamp, fail);
    const { key } = filled.inference;
    if (keys.has(key)) throw fail("the same key twice", { key });
    keys.add(key);
    checked.push(filled);
  }
  const feeWei = feesOf(checked);
  if (feeWei > args.maxFeeWei) {
    throw new AssayError({
      code: "CLIENT_PIPE_FEE_TOO_HIGH",
      message: `the results cost ${feeWei} wei, more than the ${args.maxFeeWei} that were allowed`,
      context: { feeWei, maxFeeWei: args.maxFeeWei },
    });
  }
  return checked;
}

/** What bringing these results costs. */
export function feesOf(results: readonly FilledInference[]): bigint {
  return results.reduce((sum, { answer }) => sum + answer.feeWei, 0n);
}

async function checkOne(
  args: CheckArgs,
  result: EngineResult,
  timestamp: number,
  fail: (why: string, context?: object) => AssayError,
): Promise<FilledInference> {
  const { terms, issuedAt, expiresAt } = result;
  const inference = inferenceOf(result.modelHash, hexToBytes(result.input), terms);
  if (inference.key !== result.key) throw fail("another key", { expected: inference.key, actual: result.key });
  if (terms.profile !== ZERO_32 && terms.profile !== result.runtimeProfile)
    throw fail("another profile", { expected: terms.profile, actual: result.runtimeProfile });
  if (issuedAt > timestamp + CLOCK_SKEW_SECONDS) throw fail("issued in the future", { issuedAt, timestamp });
  if (expiresAt <= timestamp + args.marginSeconds) throw fail("expired, or about to", { expiresAt, timestamp });
  if (expiresAt > issuedAt + MAX_RESULT_LIFETIME_SECONDS) throw fail("too long a life", { issuedAt, expiresAt });

  const output = hexToBytes(result.output);
  const { modelHash, inputHash } = inference;
  const { runtimeProfile, feeWei } = result;
  const statement = portableStatement({ modelHash, inputHash, runtimeProfile, feeWei, issuedAt, expiresAt, output });
  const { contracts, chainId } = args.record;
  const domain = domainSeparator({ name: "Assay", chainId: BigInt(chainId), contract: contracts.InferenceHub.address });
  const signer = signerOf(domain, { structHash: hashResult(statement), proof: result.proof });
  if (signer === undefined || signer !== result.signer)
    throw fail("another signer", { expected: result.signer, actual: signer });
  const { trust, imageId } = await vouched(args, signer, terms.minTrust, terms.imageId, fail);
  return {
    inference,
    answer: {
      ...{ modelHash, inputHash, signer, trust, imageId, runtimeProfile, feeWei, issuedAt, expiresAt, output },
      proof: hexToBytes(result.proof),
    },
  };
}

/** The registry's word on a key, from the chain. */
async function vouched(
  { reader, record }: CheckArgs,
  signer: Address,
  minTrust: number,
  imageId: Hex32,
  fail: (why: string, context?: object) => AssayError,
): Promise<{ readonly trust: number; readonly imageId: Hex32 }> {
  const registry = { contract: REGISTRY, at: record.contracts.EnclaveRegistry.address };
  const { code, trust } = await reader.view(registry, "check", [signer, minTrust, imageId]);
  if (Number(code) !== OK) throw fail("the registry does not vouch for its signer", { signer, code: Number(code) });
  return { trust: Number(trust), imageId };
}
