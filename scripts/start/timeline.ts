import type { TransactionReceipt } from "ethers";
import type { TimelineRow } from "../../executor/observability/timeline";

/** What the daemon knows of a request: its `/requests/<id>`. `hostMs` is this machine's clock, which the daemon and this script share. */
export async function daemonTimeline(httpUrl: string, requestId: string): Promise<readonly TimelineRow[]> {
  const response = await fetch(`${httpUrl}/requests/${requestId}`, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`the executor does not know request ${requestId}`);
  return ((await response.json()) as { timeline: readonly TimelineRow[] }).timeline;
}

export const mined = (receipt: TransactionReceipt): TimelineRow["detail"] => ({
  block: receipt.blockNumber,
  gas: receipt.gasUsed,
});
