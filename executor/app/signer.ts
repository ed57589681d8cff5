import { type BaseWallet, Transaction } from "ethers";
import { address, hex32 } from "../domain/ids";
import type { TransactionSigner } from "../posting/ports";

/** A posting key held by an ethers wallet; signs EIP-1559 transactions and nothing else. */
export function walletSigner(wallet: BaseWallet): TransactionSigner {
  return {
    address: address(wallet.address),
    sign: async (fields) => {
      const tx = Transaction.from({ type: 2, ...fields });
      tx.signature = wallet.signingKey.sign(tx.unsignedHash);
      return { raw: tx.serialized as `0x${string}`, hash: hex32(tx.hash) };
    },
  };
}
