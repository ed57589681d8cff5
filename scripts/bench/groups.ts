import { measureAttest } from "./attest";
import { measureEnclave } from "./enclave";
import { measureFlow } from "./flow";
import { measureGas } from "./gas";
import type { BenchGroup } from "./group";
import { measureGrowth } from "./growth";
import { simulateMatching } from "./matching";
import { PIPE_GROUPS } from "./pipeGroups";

const MATCHING_POLICIES = [
  { key: "", policy: "matching", words: "matching" },
  { key: "LeastLoaded", policy: "leastLoaded", words: "least loaded" },
  { key: "Random", policy: "random", words: "random" },
] as const;

/** The rows the issue names; the snapshot in test/contracts/gas holds more. */
const ROWS_OF_GAS = [
  "request",
  "fulfill",
  "fulfillCallback",
  "batch8PerItem",
  "batch32PerItem",
  "batch128PerItem",
  "verifyPull",
];
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
      const measured = await measureGas(hre.default);
      return Object.fromEntries(ROWS_OF_GAS.map((name) => [`gas.${name}`, measured[name] ?? Number.NaN]));
    },
  },
  {
    name: "attest",
    rows: [
      {
        key: "gas.attest.cold",
        what: "registration of a real document, nothing cached, calldata included, median of twelve",
        unit: "gas",
        goal: { atMost: 9_500_000 },
      },
      { key: "gas.attest.coldTransactions", what: "how many that takes", unit: "transactions", goal: { atMost: 1 } },
      { key: "gas.attest.warm", what: "the same, CA certificates cached", unit: "gas", goal: { atMost: 5_500_000 } },
      { key: "gas.attest.largest", what: "the largest document, cold", unit: "gas", goal: { atMost: 12_500_000 } },
      {
        key: "gas.p384.verify",
        what: "one ECDSA P-384 verification, no hint",
        unit: "gas",
        goal: { atMost: 2_900_000 },
      },
      { key: "gas.p384.fieldMul", what: "one multiplication mod p", unit: "gas", goal: { atMost: 560 } },
      {
        key: "gas.sha384.block",
        what: "SHA-384 for each 128-byte block, 4,500-byte message",
        unit: "gas",
        goal: { atMost: 32_000 },
      },
      { key: "attest.tsMs", what: "TypeScript verifier, one real document, p50", unit: "ms" },
      {
        key: "memory.attestCheckMb",
        what: "peak resident memory of `attestation check` on the twelve, its chain included",
        unit: "MB",
        goal: { atMost: 400 },
      },
    ],
    measure: async () => {
      const hre = await import("hardhat");
      return measureAttest(hre.default);
    },
  },
  ...PIPE_GROUPS,
  {
    name: "matching",
    rows: MATCHING_POLICIES.flatMap(({ key, policy, words }) => [
      {
        key: `matching.misassigned${key}`,
        what: `share assigned to an enclave that could not serve, ${words}`,
        unit: "share",
      },
      {
        key: `matching.served${key}`,
        what: `share of what could be served that was, ${words} (${policy})`,
        unit: "share",
      },
    ]),
    // Seeded: 50 simulated enclaves, 2,000 requests, failures and change; the same world for each policy.
    measure: async () => {
      const results = simulateMatching();
      return Object.fromEntries(
        MATCHING_POLICIES.flatMap(({ key, policy }) => {
          const result = results.find((r) => r.policy === policy);
          return [
            [`matching.misassigned${key}`, result?.misassignedShare ?? Number.NaN],
            [`matching.served${key}`, result?.servedShare ?? Number.NaN],
          ];
        }),
      );
    },
  },
  {
    name: "enclave",
    rows: [
      {
        key: "enclave.overheadMs",
        what: "signed answer minus bare onnxruntime, tiny model, p50",
        unit: "ms",
        goal: { atMost: 1 },
      },
      {
        key: "enclave.throughputRatio",
        what: "224x224x3 float input, over bare onnxruntime",
        unit: "ratio",
        goal: { atLeast: 0.95 },
      },
      { key: "enclave.imageModelMs", what: "that model on bare onnxruntime", unit: "ms" },
      { key: "enclave.coldStartMs", what: "start to ready", unit: "ms", goal: { atMost: 500 } },
      {
        key: "memory.enclaveMb",
        what: "PSS of signer and two runners with the two models",
        unit: "MB",
        goal: { atMost: 230 },
      },
    ],
    measure: measureEnclave,
  },
  {
    name: "flow",
    rows: [
      {
        key: "latency.ratioP50",
        what: "request mined to callback mined, over a plain transaction, p50",
        unit: "ratio",
        goal: { atMost: 4 },
      },
      { key: "latency.ratioP99", what: "the same, p99 by p99", unit: "ratio", goal: { atMost: 8 } },
      { key: "latency.p50Ms", what: "request mined to callback mined", unit: "ms" },
      { key: "latency.noticeMs", what: "of it: until the request was seen, stored, and matched", unit: "ms" },
      { key: "latency.computeMs", what: "of it: in the enclave, run and signed", unit: "ms" },
      { key: "latency.postMs", what: "of it: stored, simulated, posted and mined", unit: "ms" },
      {
        key: "throughput.drainRatio",
        what: "2,000 open requests, over plain transactions per second",
        unit: "ratio",
        goal: { atLeast: 1.5 },
      },
      {
        key: "throughput.endToEndRatio",
        what: "the same with posting the requests",
        unit: "ratio",
        goal: { atLeast: 0.45 },
      },
      { key: "throughput.plainPerSecond", what: "presigned plain transactions, ten connections", unit: "1/s" },
      { key: "executor.readyMs", what: "start to ready", unit: "ms", goal: { atMost: 1_500 } },
      { key: "executor.recoveryMs", what: "SIGKILL to the next landed answer", unit: "ms", goal: { atMost: 5_000 } },
      { key: "memory.executorMb", what: "resident, after 2,000 requests", unit: "MB", goal: { atMost: 120 } },
    ],
    measure: measureFlow,
  },
  {
    name: "growth",
    rows: [
      {
        key: "growth.ratio",
        what: "executor's CPU for a request with 100,000 finished jobs in the store, over an empty one",
        unit: "ratio",
        goal: { atMost: 1.1 },
      },
      { key: "growth.cpuMs", what: "that CPU with the empty store", unit: "ms" },
    ],
    measure: measureGrowth,
  },
];
