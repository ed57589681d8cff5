// The Yul optimizer stays on: without it OpenZeppelin's P256 runs into "stack too deep" under instrumentation.
module.exports = { configureYulOptimizer: true, skipFiles: ["mocks", "interfaces"] };
