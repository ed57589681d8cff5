import { isAssayError } from "../domain/errors";
import type { Address } from "../domain/ids";
import type { PipeRecords } from "../jobs/ports";
import { pipeError } from "../pipe/errors";
import { PUBLISH_RESERVE_GAS, publishGasOf } from "../pipe/fees";
import type { PipeChain, PipePublisher, SignedFollower } from "../pipe/ports";
import { revertContext } from "../pipe/reverts";
import { intrinsicGas } from "../pipe/transaction";
import type { PostingChain } from "../posting/ports";
import type { Transactions } from "../posting/transactions";
import { encodePublishFor } from "../protocol/portable";

/**
 * All in one exchange, so that no block comes between them. A node may take up the members of one exchange in any order, and one that mines at once
 * refuses a nonce whose turn it is not: what was refused is sent again as long as others are taken.
 */
async function sendBehind(chain: PipeChain, followers: readonly SignedFollower[]): Promise<void> {
  let rest = followers;
  while (rest.length > 0) {
    let answers: Awaited<ReturnType<PipeChain["broadcast"]>>;
    try {
      answers = await chain.broadcast(rest.map(({ raw }) => raw));
    } catch (error) {
      // Unknown, not failed: what they need is out, they are stored as sent, and whether the node has them is looked for.
      if (isAssayError(error)) return;
      throw error;
    }
    const refused = rest.filter((_, i) => answers[i]?.accepted !== true);
    // Whether the node has it all the same, and why it does not, is found out by looking for it.
    if (refused.length === rest.length) return;
    rest = refused;
  }
}

/** A key of its own publishes and relays: behind a low fee of another post of the same key, a publication would come too late. */
export function pipePublisher(args: {
  readonly hub: Address;
  readonly transactions: Transactions;
  readonly posting: PostingChain;
  readonly chain: PipeChain;
  readonly records: Pick<PipeRecords, "transactionFor">;
}): PipePublisher {
  const { hub, transactions, posting, chain, records } = args;
  return {
    address: transactions.address,
    release: async ({ results, followers, aboveTipWei, aboveMaxFeeWei, isTimely, onStored }) => {
      if (results.length === 0) {
        if (!(await isTimely())) return false;
        await onStored(undefined);
        await sendBehind(chain, followers);
        return true;
      }
      const filled = results.map((result) => result.filled);
      const data = encodePublishFor(
        filled,
        results.map(({ sponsor }) => sponsor),
      );
      const gasLimit = publishGasOf(filled) + intrinsicGas(data, false) + PUBLISH_RESERVE_GAS;
      const { result, baseFeePerGas } = await posting.simulate({ from: transactions.address, to: hub, data, gasLimit });
      if (!result.ok) {
        const revert = revertContext(result.revert ?? "0x");
        throw pipeError("PIPE_PUBLICATION_REVERTS", revert, { retry: "later", detail: revert.reason });
      }
      if (!(await isTimely())) return false;
      const { accepted, hash } = await transactions.send({
        to: hub,
        data,
        gasLimit,
        baseFeePerGas,
        label: "pipe-publish",
        above: { tip: aboveTipWei, maxFee: aboveMaxFeeWei },
        onStored: (tx) => onStored(tx.hash),
      });
      // Without its results in front of it a transaction would fail, and its sender would pay for that.
      if (!accepted && !(await chain.knows(hash)))
        throw pipeError("PIPE_PUBLICATION_REVERTS", { hash }, { retry: "later", detail: "the node did not take them" });
      await sendBehind(chain, followers);
      return true;
    },
    relay: async ({ to, data, gas, label, onStored }) => {
      await transactions.send({ to, data, gasLimit: gas, label, onStored: ({ hash }) => onStored(hash) });
    },
    storedFor: (label) => records.transactionFor(label),
  };
}
