import type { Address } from "../domain/ids";
import type { PipeRecords } from "../jobs/ports";
import { pipeError } from "../pipe/errors";
import type { PipeChain, PipePublisher } from "../pipe/ports";
import { publishGasOf } from "../pipe/releaser";
import { revertContext } from "../pipe/reverts";
import { intrinsicGas } from "../pipe/transaction";
import type { PostingChain } from "../posting/ports";
import type { Transactions } from "../posting/transactions";
import { encodePublishFor } from "../protocol/portable";

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
    release: async ({ results, followers, aboveTipWei, aboveMaxFeeWei, onStored }) => {
      if (results.length === 0) {
        await onStored(undefined);
        await chain.broadcast(followers);
        return;
      }
      const filled = results.map((result) => result.filled);
      const data = encodePublishFor(
        filled,
        results.map(({ sponsor }) => sponsor),
      );
      const gasLimit = publishGasOf(filled) + intrinsicGas(data, false);
      const { result, baseFeePerGas } = await posting.simulate({ from: transactions.address, to: hub, data, gasLimit });
      if (!result.ok) {
        const revert = revertContext(result.revert ?? "0x");
        throw pipeError("PIPE_PUBLICATION_REVERTS", revert, { retry: "later", detail: revert.reason });
      }
      await transactions.send({
        to: hub,
        data,
        gasLimit,
        baseFeePerGas,
        label: "pipe-publish",
        above: { tip: aboveTipWei, maxFee: aboveMaxFeeWei },
        behind: followers,
        onStored: ({ hash }) => onStored(hash),
      });
    },
    relay: async ({ to, data, gas, label, onStored }) => {
      await transactions.send({ to, data, gasLimit: gas, label, onStored: ({ hash }) => onStored(hash) });
    },
    storedFor: (label) => records.transactionFor(label),
  };
}
