import { isError, type Signer, type TransactionReceipt } from "ethers";
import type { CallSender } from "../app/registryClient";
import { AssayError } from "../domain/errors";
import { type Address, address, type HexBytes } from "../domain/ids";

const MINED_WITHIN_MS = 180_000;

/** Sends the calls of a command by one key, each when the one before is mined. */
export class MinedSender implements CallSender {
  /** Of the last call. */
  receipt: TransactionReceipt | undefined;

  private constructor(
    private readonly signer: Signer,
    readonly address: Address,
  ) {}

  static async of(signer: Signer): Promise<MinedSender> {
    return new MinedSender(signer, address(await signer.getAddress()));
  }

  /** @throws AssayError `CALL_NOT_SENT`, `CALL_NOT_MINED`, `CALL_FAILED` */
  async send(call: { to: Address; data: HexBytes; gasLimit: bigint; label: string }): Promise<{ nonce: number }> {
    const { label, ...transaction } = call;
    const sent = await this.signer.sendTransaction(transaction).catch((cause: unknown) => {
      const why = isError(cause, "INSUFFICIENT_FUNDS") ? "the account can not pay for it" : "the node refused it";
      throw new AssayError({
        code: "CALL_NOT_SENT",
        message: `${label} was not sent: ${why}`,
        retry: "unknown",
        cause,
      });
    });
    const { hash, nonce } = sent;
    try {
      this.receipt = (await sent.wait(1, MINED_WITHIN_MS)) ?? undefined;
    } catch (cause) {
      if (isError(cause, "CALL_EXCEPTION"))
        throw new AssayError({
          code: "CALL_FAILED",
          message: `${label} was mined and failed, though it had been simulated: the chain moved in between; look, and try again`,
          context: { hash },
          retry: "later",
          cause,
        });
      throw new AssayError({
        code: "CALL_NOT_MINED",
        message: `${label} was sent as ${hash}, and is not mined yet: look before it is sent again`,
        context: { hash },
        retry: "unknown",
        cause,
      });
    }
    return { nonce };
  }

  /** What is mined is closed. */
  isOpen(): boolean {
    return false;
  }
}
