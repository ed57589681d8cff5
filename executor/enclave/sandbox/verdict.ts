import type { EnclaveLevel } from "../ports";

/** What a signer at some level must not have been able to do, by the name of its self-test. */
const FORBIDDEN: Readonly<Record<EnclaveLevel, readonly string[]>> = {
  3: ["listen", "datagram", "write", "writeTmp", "writeImage", "readHost", "proc", "listHome", "eval"],
  2: ["listen", "datagram", "write", "writeTmp", "writeImage", "readHost", "proc", "listHome", "eval"],
  1: ["eval"],
  0: [],
};

/** Bubblewrap's own init is process 1 and the signer 2; where the signer is the init it is 1. */
const MAX_PID_INSIDE = 3;
/** Variables that a launcher or the shell before it adds and that tell nothing of the host. */
const ENVIRONMENT = new Set([
  "LD_LIBRARY_PATH",
  "NODE_NO_WARNINGS",
  "ORT_DISABLE_TELEMETRY",
  "UV_THREADPOOL_SIZE",
  "OPENSSL_CONF",
  "PWD",
  "SHLVL",
  "_",
  "OLDPWD",
]);

export type SandboxVerdict =
  | { readonly ok: true; readonly layers: readonly string[] }
  | { readonly ok: false; readonly failures: readonly string[] };

/**
 * Judges a launch by what the signer and a runner found when they tried: a level is reached if nothing that it forbids succeeded.
 * A test that was not made counts as failed.
 */
export function judge(level: EnclaveLevel, signer: Readonly<Record<string, string>>): SandboxVerdict {
  const failures = FORBIDDEN[level]
    .filter((test) => signer[test] === undefined || signer[test] === "OK")
    .map((test) => `${test}: ${signer[test] ?? "not tried"}`);
  if (level >= 1) {
    const foreign = (signer.environment ?? "?").split(",").filter((name) => name !== "" && !ENVIRONMENT.has(name));
    if (foreign.length > 0) failures.push(`environment: ${foreign.join(",")}`);
    if (signer.strayDescriptors !== "NONE")
      failures.push(`strayDescriptors: ${signer.strayDescriptors ?? "not tried"}`);
  }
  if (level === 3 && !(Number(signer.pid) <= MAX_PID_INSIDE)) failures.push(`pid: ${signer.pid ?? "not tried"}`);
  return failures.length > 0 ? { ok: false, failures } : { ok: true, layers: LAYERS[level] };
}

/** What the tests of a level show to be in force. */
const LAYERS: Readonly<Record<EnclaveLevel, readonly string[]>> = {
  3: ["namespaces", "seccomp", "runner-seccomp", "rlimits", "no-proc", "read-only-root"],
  2: ["landlock", "seccomp", "runner-seccomp", "rlimits"],
  1: ["runner-seccomp", "rlimits", "clean-environment"],
  0: [],
};
