import type { BenchGroup } from "./group";
import { measurePipe } from "./pipe";
import { measurePipeGas } from "./pipeGas";
import { measureParallel } from "./pipeParallel";

/** PIPE's part of the table. */
export const PIPE_GROUPS: readonly BenchGroup[] = [
  {
    name: "pipeGas",
    rows: [
      {
        key: "pipe.gas.bundleOverhead",
        what: "provide + infer + fee from a balance, one 32-byte answer, over the plain call without inference",
        unit: "gas",
        goal: { atMost: 42_000 },
      },
      { key: "pipe.gas.bundleOverheadFree", what: "the same with a fee of 0", unit: "gas", goal: { atMost: 31_000 } },
      {
        key: "pipe.gas.intentOverhead",
        what: "the same through the forwarder, the relayer living on the results' fees",
        unit: "gas",
        goal: { atMost: 62_000 },
      },
      { key: "pipe.gas.intentOverheadRelayFee", what: "the same with a fee for the relayer", unit: "gas" },
      {
        key: "pipe.gas.rawConsumer",
        what: "what the user's own transaction pays above the plain call",
        unit: "gas",
        goal: { atMost: 22_000 },
      },
      {
        key: "pipe.gas.publish",
        what: "one 32-byte result, a sponsor's grant pays its fee",
        unit: "gas",
        goal: { atMost: 95_000 },
      },
      { key: "pipe.gas.publishOwnFee", what: "the same, the value pays its fee", unit: "gas" },
      {
        key: "pipe.gas.perExtraResult",
        what: "each further result in the same bundle, with its use",
        unit: "gas",
        goal: { atMost: 20_000 },
      },
    ],
    measure: async () => {
      const hre = await import("hardhat");
      const measured = await measurePipeGas(hre.default);
      return Object.fromEntries(Object.entries(measured).map(([name, gas]) => [`pipe.gas.${name}`, gas]));
    },
  },
  {
    name: "pipe",
    rows: [
      { key: "pipe.rounds.fan16", what: "rounds of a fan of 16", unit: "rounds", goal: { atMost: 1 } },
      { key: "pipe.rounds.chain8", what: "rounds of a chain of 8", unit: "rounds", goal: { atMost: 8 } },
      {
        key: "pipe.addedMsP50",
        what: "submit to release, tiny model, one round, p50, Hardhat",
        unit: "ms",
        goal: { atMost: 40 },
      },
      { key: "pipe.addedMsP99", what: "the same, p99", unit: "ms", goal: { atMost: 120 } },
      {
        key: "pipe.passThroughMs",
        what: "added to a transaction with no inference, p50",
        unit: "ms",
        goal: { atMost: 10 },
      },
      { key: "pipe.simulationsPerSecond", what: "one question, answered, Hardhat", unit: "1/s" },
      { key: "pipe.simulationsPerSecondAnvil", what: "the same, anvil", unit: "1/s" },
      {
        key: "pipe.vsCallback",
        what: "submit to state change over the callback way, 1 s blocks",
        unit: "ratio",
        goal: { atMost: 0.6 },
      },
      {
        key: "pipe.sameBlock",
        what: "share of 200 whose results and use are in one block, 1 s blocks, Hardhat",
        unit: "share",
        goal: { atLeast: 1 },
      },
      { key: "pipe.sameBlockAnvil", what: "the same, anvil", unit: "share", goal: { atLeast: 1 } },
      { key: "pipe.sameBlockFlood", what: "the same under foreign transactions of high tips, Hardhat", unit: "share" },
      { key: "pipe.sameBlockFloodAnvil", what: "the same, anvil", unit: "share" },
    ],
    measure: measurePipe,
  },
  {
    name: "pipeParallel",
    rows: [
      { key: "pipe.parallelModelMs", what: "the model, through the enclave", unit: "ms" },
      {
        key: "pipe.parallelSpeedup",
        what: "8 independent inferences at once over in a row, by the cores",
        unit: "ratio",
        goal: { atLeast: 0.85 },
      },
      {
        key: "pipe.parallelCeiling",
        what: "the same in bare onnxruntime, a process for each core: what this machine can do",
        unit: "ratio",
      },
      {
        key: "pipe.scheduleSpeedup",
        what: "the same scheduling, a SIMULATED enclave of 50 ms, 8 in flight",
        unit: "ratio",
        goal: { atLeast: 6 },
      },
    ],
    measure: measureParallel,
  },
];
