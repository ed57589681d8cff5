import type { Interface, Result } from "ethers";
import type { HexBytes } from "../domain/ids";

export interface FoundCall {
  readonly name: string;
  readonly args: Result;
  /** Where its selector lies, in bytes; 0 for a call that was sent directly. */
  readonly offset: number;
}

/** More places than this in one calldata are noise or an attack on the reader's time; four-byte matches by chance are rare. */
const MAX_CANDIDATES = 4_096;

/**
 * Every place in a transaction's calldata that decodes as a call of one of the named functions: the transaction itself, or a call that another contract
 * (a multisig, a batching account, a multicall) carries inside. What is found is a guess; the caller proves it by a hash or a signature.
 */
export function* callsIn(input: HexBytes, contract: Interface, names: readonly string[]): Generator<FoundCall> {
  const bytes = Buffer.from(input.slice(2), "hex");
  let candidates = 0;
  for (const name of names) {
    const selector = Buffer.from((contract.getFunction(name)?.selector ?? "0x").slice(2), "hex");
    if (selector.length !== 4) throw new TypeError(`no function ${name}`);
    for (let offset = bytes.indexOf(selector); offset >= 0; offset = bytes.indexOf(selector, offset + 1)) {
      if (++candidates > MAX_CANDIDATES) return;
      const args = decoded(contract, name, bytes.subarray(offset));
      if (args !== undefined) yield { name, args, offset };
    }
  }
}

/** Four bytes can match by chance; what does not decode was no call. The decoder throws late, so everything is looked at. */
function decoded(contract: Interface, name: string, call: Buffer): Result | undefined {
  try {
    const args = contract.decodeFunctionData(name, call);
    args.toArray(true);
    return args;
  } catch {
    return undefined;
  }
}
