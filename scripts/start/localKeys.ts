import { HDNodeWallet } from "ethers";

/** The words that every local Hardhat and anvil node makes its funded accounts from; worthless anywhere else. */
const LOCAL_PHRASE = "test test test test test test test test test test test junk";

/** The variable through which the daemon takes a raw key, which it does on development chains only. */
export const ROOT_KEY_ENV = "ASSAY_OPERATOR_PRIVATE_KEY";

/** The private key of a local node's account. */
export function localKey(index: number): string {
  return HDNodeWallet.fromPhrase(LOCAL_PHRASE, undefined, `m/44'/60'/0'/0/${index}`).privateKey;
}
