/**
 * What an explanation reads of the chain: plain JSON-RPC, so that any node will do.
 * An answer that is an error throws an AssayError `RPC_ERROR`; every other error is an outage and ends the explanation.
 */
export interface ExplainChain {
  call<T = unknown>(method: string, params?: readonly unknown[]): Promise<T>;
}
