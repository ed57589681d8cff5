import { measureGas } from "./gas";
import type { BenchGroup } from "./group";

const BATCH = "no callback, one operator";

/**
 * Every group of `npm run bench`, in the order of the table. Hardhat is loaded when a group
 * that needs it is measured, so that the others do not wait for it.
 */
export const GROUPS: readonly BenchGroup[] = [
  {
    name: "gas",
    rows: [
      {
        key: "gas.request",
        what: "96-byte input, reward escrowed, default terms",
        unit: "gas",
        goal: { atMost: 52_900 },
      },
      {
        key: "gas.fulfill",
        what: "32-byte output, no callback, credit slot not zero",
        unit: "gas",
        goal: { atMost: 56_000 },
      },
      { key: "gas.fulfillCallback", what: "the callback writes one warm slot", unit: "gas", goal: { atMost: 66_000 } },
      { key: "gas.batch8PerItem", what: `batch of 8, ${BATCH}`, unit: "gas", goal: { atMost: 26_000 } },
      { key: "gas.batch32PerItem", what: `batch of 32, ${BATCH}`, unit: "gas", goal: { atMost: 22_500 } },
      { key: "gas.batch128PerItem", what: `batch of 128, ${BATCH}`, unit: "gas", goal: { atMost: 22_000 } },
      { key: "gas.verifyPull", what: "verify, over a twin that checks nothing", unit: "gas", goal: { atMost: 18_000 } },
    ],
    measure: async () => {
      const hre = await import("hardhat");
      return measureGas(hre.default);
    },
  },
];
