// The layers of ARCHITECTURE.md as rules. A rule that is in the way is a question about the design, not about this file.
const STAGES = "intake|pipe|matching|jobs|enclave|posting|availability|observability";

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      comment: "Two files that need one another are one idea in two files, or share a third one.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "domain-stands-alone",
      comment: "Everybody imports domain/; it imports itself, and types of protocol/.",
      severity: "error",
      from: { path: "^executor/domain/" },
      to: { pathNot: "^executor/domain/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "domain-takes-only-protocol-types",
      comment: "Even as types, domain/ knows nothing but protocol/.",
      severity: "error",
      from: { path: "^executor/domain/" },
      to: { pathNot: "^executor/(domain|protocol)/" },
    },
    {
      name: "protocol-imports-only-domain",
      comment: "protocol/ is the byte level, shared with clients and the enclave: packages and domain/ only.",
      severity: "error",
      from: { path: "^executor/protocol/" },
      to: { path: "^(executor|scripts|test|models)/", pathNot: "^executor/(protocol|domain)/" },
    },
    {
      name: "stages-stand-apart",
      comment: "A stage owns a port for what it needs of another (ports.ts); app/ plugs the adapter in.",
      severity: "error",
      from: { path: `^executor/(${STAGES})/` },
      to: { path: "^executor/", pathNot: "^executor/($1|domain|protocol)/" },
    },
    {
      name: "image-is-measured",
      comment:
        "What runs inside the enclave is hashed into PCR2: protocol/ and domain/ only, never the daemon around it.",
      severity: "error",
      from: { path: "^executor/enclave/image/" },
      to: { path: "^(executor|scripts|test|models)/", pathNot: "^executor/(enclave/image|protocol|domain)/" },
    },
    {
      name: "adapters-are-chosen-in-app",
      comment:
        "Only app/ builds adapters. A command of the CLI loads what it needs when it runs (dynamic import), so that --help stays fast.",
      severity: "error",
      from: { path: "^executor/(cli/|config/|main\\.ts)" },
      to: { path: `^executor/(${STAGES})/`, dynamic: false, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "rpc-is-an-adapter",
      comment: "rpc/ implements ports of several stages over JSON-RPC; only those who build adapters know it.",
      severity: "error",
      from: { path: "^executor/", pathNot: "^executor/(rpc|app|client|testing|cli)/" },
      to: { path: "^executor/rpc/" },
    },
    {
      name: "config-knows-no-stage",
      comment: "One schema for all flags; it must not pull the program in.",
      severity: "error",
      from: { path: "^executor/config/" },
      to: { path: "^executor/", pathNot: "^executor/(config|domain|protocol)/" },
    },
    {
      name: "nobody-imports-the-cli",
      comment: "The command line is an edge; what two commands share belongs into app/ or a stage.",
      severity: "error",
      from: { pathNot: "^(executor/(cli/|main\\.ts)|test/)" },
      to: { path: "^executor/cli/" },
    },
    {
      name: "product-without-tests-and-scripts",
      comment: "The daemon is built from executor/ alone.",
      severity: "error",
      from: { path: "^executor/" },
      to: { path: "^(test|scripts)/" },
    },
    {
      name: "product-without-dev-packages",
      comment:
        "An operator installs without development packages. executor/testing/ runs inside a Hardhat project, which has Hardhat.",
      severity: "error",
      from: { path: "^executor/", pathNot: "^executor/testing/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "no-missing-module",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|artifacts|cache|coverage)/" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["require", "node", "default", "types"] },
  },
};
