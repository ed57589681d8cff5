import type { Contract, Signer, TransactionReceipt } from "ethers";
import { AssayError } from "../domain/errors";

/**
 * Sends a call that the contract accepts. It is tried out first, so that a refusal costs no transaction and comes with the contract's typed error.
 * @throws AssayError `TESTING_CALL_REFUSED` with `error` (its name) and `args` in the context, `TESTING_NOT_MINED`
 */
export async function accepted(call: {
  readonly contract: Contract;
  readonly sender: Signer;
  readonly data: string;
  readonly gasLimit?: bigint;
}): Promise<TransactionReceipt> {
  const { contract, sender, data, gasLimit } = call;
  const transaction = { to: contract.target, data, ...(gasLimit === undefined ? {} : { gasLimit }) };
  try {
    await sender.call(transaction);
  } catch (cause) {
    throw refused(contract, cause);
  }
  const receipt = await (await sender.sendTransaction(transaction)).wait();
  if (receipt === null)
    throw new AssayError({ code: "TESTING_NOT_MINED", message: "the chain did not mine the transaction" });
  return receipt;
}

/** An error that is not the contract's own word, such as an outage of the node, goes on as it is. */
function refused(contract: Contract, cause: unknown): unknown {
  const data = revertData(cause, 0);
  const error = data === undefined ? null : contract.interface.parseError(data);
  if (error === null) return cause;
  return new AssayError({
    code: "TESTING_CALL_REFUSED",
    message: `the contract refuses: ${error.name}(${error.args.map(String).join(", ")})`,
    context: { error: error.name, args: error.args.toObject() },
    cause,
  });
}

/** Hardhat and ethers keep it in different places. */
function revertData(value: unknown, depth: number): string | undefined {
  if (typeof value === "string") return /^0x([0-9a-f]{2}){4,}$/i.test(value) ? value : undefined;
  if (typeof value !== "object" || value === null || depth > 4) return undefined;
  const { data, error, info, cause } = value as Record<string, unknown>;
  for (const inner of [data, error, info, cause]) {
    const found = revertData(inner, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
