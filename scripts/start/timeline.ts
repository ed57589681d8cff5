import type { TransactionReceipt } from "ethers";

/** One line of a request's life. `hostMs` is this machine's clock; the daemon and this script share it. */
export interface TimelineRow {
  readonly step: string;
  readonly hostMs: number;
  readonly text: string;
}

/** What the daemon's `/requests/<id>` answers. */
export interface DaemonTimeline {
  readonly timeline: readonly {
    readonly step: string;
    readonly hostMs: number;
    readonly detail: Readonly<Record<string, string | number | boolean>>;
  }[];
}

export async function daemonTimeline(httpUrl: string, requestId: string): Promise<TimelineRow[]> {
  const response = await fetch(`${httpUrl}/requests/${requestId}`, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`the executor does not know request ${requestId}`);
  const { timeline } = (await response.json()) as DaemonTimeline;
  return timeline.map(({ step, hostMs, detail }) => ({
    step,
    hostMs,
    text: Object.entries(detail)
      .map(([key, value]) => `${key} ${shorten(value)}`)
      .join(", "),
  }));
}

const shorten = (value: string | number | boolean): string => {
  const text = String(value);
  return /^0x[0-9a-f]{40,}$/.test(text) ? `${text.slice(0, 10)}…${text.slice(-4)}` : text;
};

export const gasText = (receipt: TransactionReceipt): string =>
  `block ${receipt.blockNumber}, ${receipt.gasUsed.toLocaleString("en-US")} gas`;

/** A table with times relative to the first step. */
export function printTimeline(title: string, rows: readonly TimelineRow[]): void {
  const sorted = [...rows].sort((a, b) => a.hostMs - b.hostMs);
  const start = sorted[0]?.hostMs ?? 0;
  console.log(`\n${title}`);
  for (const { step, hostMs, text } of sorted)
    console.log(`  ${step.padEnd(9)} ${`+${Math.round(hostMs - start)} ms`.padStart(9)}  ${text}`);
}
