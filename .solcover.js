// The Yul optimizer stays on: without it OpenZeppelin's P256 runs into "stack too deep" under instrumentation.
module.exports = {
  configureYulOptimizer: true,
  skipFiles: [
    "mocks",
    "interfaces",
    // A month of hourly trades fills the memory when every step is kept; test/contracts/gas/examples goes through them.
    "examples/VolatilityFeePool.sol",
    "examples/HourlySeries.sol",
    // Never deployed; tested through state overrides, which put the plain code in place.
    "pipe",
    // Assembly that instrumentation breaks (fixed addresses in memory, gas); the vectors of NIST and Wycheproof stand in.
    ...["P384", "P384BasePoint", "P384Curve", "P384Digits", "P384Field", "P384Point", "P384Scalar", "P384Sum"],
    ...["P384Tables", "Sha384"],
    // They need those, and run on anvil only: test/contracts/gas/attestation goes through every rule.
    ...["NitroAttestationVerifier", "NitroChain", "NitroRevocation", "X509Crl"],
  ].map((name) => (/^[A-Z]/.test(name) ? `attestation/${name}.sol` : name)),
};
