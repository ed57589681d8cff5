import { gunzipSync } from "node:zlib";

/** One hour of trading. Times are milliseconds since 1970, UTC, of the beginning of the hour; prices are in dollars. */
export interface PriceBar {
  readonly timeMs: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
}

const HEADER = "timestamp,open,high,low,close,volume";

/** @throws Error if the file is not the hourly table that its header names */
export function parsePrices(gzipped: Uint8Array): PriceBar[] {
  const [header, ...lines] = gunzipSync(gzipped).toString("utf8").trim().split("\n");
  if (header?.trim() !== HEADER) throw new Error(`prices: expected the columns ${HEADER}`);
  return lines.map((line, index) => {
    const [timeMs, , high, low, close] = line.split(",").map(Number);
    if (timeMs === undefined || high === undefined || low === undefined || close === undefined || !(low > 0 && high >= low)) {
      throw new Error(`prices: row ${index + 1} is malformed`);
    }
    return { timeMs, high, low, close };
  });
}
