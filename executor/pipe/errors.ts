import { AssayError, type RetryClass } from "../domain/errors";

/** Every way in which PIPE does not do what it was asked; each leaves the transaction untouched and unsent unless it says otherwise. */
export const PIPE_ERRORS = {
  PIPE_TRANSACTION_MALFORMED: "these bytes are no signed transaction; sign it again",
  PIPE_TRANSACTION_UNPROTECTED:
    "the transaction names no chain (EIP-155), so it could be replayed elsewhere; sign it for this chain",
  PIPE_WRONG_CHAIN: "the transaction is signed for another chain; switch the wallet's network",
  PIPE_NONCE_TOO_LOW: "a transaction with this nonce is on the chain already; sign with the next nonce",
  PIPE_NONCE_GAP: "transactions with lower nonces are missing; send them first, or sign with the next nonce",
  PIPE_BALANCE_TOO_LOW:
    "the sender's balance does not cover value and gas of all its transactions here; add ether or lower them",
  PIPE_REPLACEMENT_UNDERPRICED:
    "a transaction with this nonce is held; replacing it takes both fees at least a tenth higher",
  PIPE_MAX_FEE_TOO_LOW:
    "the transaction's max fee is below the block's base fee, so no block would take it; sign it with a higher one",
  PIPE_OVERLOADED: "the engine holds all it can; the transaction was not taken, send it again later",
  PIPE_ACCOUNT_LIMIT: "this account has used up its limit for now; the transaction was not taken",
  PIPE_KEY_UNKNOWN: "this API key is not known here; ask the operator for one",
  PIPE_GRANT_TOO_LOW:
    "the sender's grant to this operator does not cover the results; call hub.grant, or send a bundle or an intent",
  PIPE_FEE_BELOW_GAS: "the operator's fee does not cover the gas of publishing results; send a bundle or an intent",
  PIPE_TRANSACTION_REVERTS: "with all its inferences answered the transaction fails for its own reasons",
  PIPE_SIMULATION_FAILED: "the transaction could not be simulated within the engine's limits",
  PIPE_BOUND_REACHED: "the transaction asks for more rounds, inferences or time than the engine gives one transaction",
  PIPE_HIDDEN_INFERENCE:
    "an inference is asked where its failure is caught and nothing of it can be read; send the results yourself, by a bundle",
  PIPE_INFERENCE_REFUSED: "the enclave refused an inference that the transaction needs",
  PIPE_INFERENCE_UNAVAILABLE: "no enclave of this operator can answer an inference that the transaction needs",
  PIPE_DEADLINE: "the transaction could not be released in time; it is given back untouched",
  PIPE_NODE_REFUSED: "the node did not take the transaction",
  PIPE_PUBLICATION_REVERTS: "the chain would not take the results now",
  PIPE_STOPPED: "the engine is stopping; what it holds goes on when it starts again",
  PIPE_INTENT_MALFORMED: "these fields are no intent, or its signature has no 65 bytes",
  PIPE_INTENT_EXPIRED: "the intent's deadline is over; sign a new one",
  PIPE_INTENT_NONCE_USED: "an intent with this nonce was executed or cancelled; sign with another nonce",
  PIPE_INTENT_SIGNATURE: "the intent is not signed by the account it names",
  PIPE_INTENT_FORBIDDEN: "this target, or this relayer, is not served by the forwarder",
  PIPE_INTENT_BALANCE: "the forwarder's balance of the signer does not cover value and fees; call depositFor",
  PIPE_INTENT_FEE_TOO_LOW: "the intent's relay fee does not cover the gas of relaying it, or its fee cap the results",
} as const;
export type PipeCode = keyof typeof PIPE_ERRORS;

export function pipeError(
  code: PipeCode,
  context: Readonly<Record<string, unknown>> = {},
  options: { readonly retry?: RetryClass; readonly cause?: unknown; readonly detail?: string } = {},
): AssayError {
  const message = options.detail === undefined ? PIPE_ERRORS[code] : `${PIPE_ERRORS[code]}: ${options.detail}`;
  return new AssayError({ code, message, context, retry: options.retry ?? "never", cause: options.cause });
}
