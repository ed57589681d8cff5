const base = require("../../.solcover.js");

// The table is ours (scripts/test/coverage.ts); the HTML pages show which line is not reached.
module.exports = { ...base, istanbulFolder: "./coverage/contracts", istanbulReporter: ["json", "html"], silent: false };
