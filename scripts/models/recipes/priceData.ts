import type { Recipe } from "./recipe";

export const HOUR_MS = 3_600_000;
/** Everything from here on is seen by tests only. */
export const TEST_FROM_MS = Date.UTC(2023, 0, 1);

export const PRICE_DATA: Recipe["data"] = {
  file: "prices/ethusdt_1h.csv.gz",
  sha256: "8982a27d200884f5ec1efbf6b61a25b446baa3b413055f2c3abba4c7c03f6d64",
  description: "ETH/USDT, hourly open, high, low, close and volume, 72,584 rows, 2017-08-17 to 2025-12-02",
  source: "https://github.com/IamSTEINI/crypto-strategy-playground, file ETHUSDT_1h.csv, gzipped",
  licence: "MIT; the prices originate from an exchange",
};
