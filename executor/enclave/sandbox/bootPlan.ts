import { createHash } from "node:crypto";
import { runnerFilter, sandboxFilter } from "../image/seccomp/filters";
import type { EnclaveLevel } from "../ports";
import { type EnclaveImage, hostPath, INSIDE } from "./image";

/** What strengthens node itself: no code from strings, no `__proto__`, and heaps that leave the memory to the models. */
const SIGNER_FLAGS = [
  "--disallow-code-generation-from-strings",
  "--disable-proto=delete",
  "--max-old-space-size=256",
  "--max-semi-space-size=2",
];
const RUNNER_FLAGS = [
  "--disallow-code-generation-from-strings",
  "--disable-proto=delete",
  "--max-old-space-size=128",
  "--max-semi-space-size=1",
  "--v8-pool-size=0",
];

const ENVIRONMENT = {
  // onnxruntime 1.29 and later open a connection and write files at start unless this is set before they load.
  ORT_DISABLE_TELEMETRY: "1",
  NODE_NO_WARNINGS: "1",
  UV_THREADPOOL_SIZE: "1",
} as const;

/**
 * Hard limits of every process inside. CORE is 1 and not 0, which kernels ignore when cores go to a program; DATA bounds memory that is used,
 * not V8's reservations; FSIZE 0 makes every file write fail.
 */
export const RLIMITS = { core: 1, nofile: 256, dataKiB: 4 * 1024 * 1024, fsize: 0 } as const;

/** How the signer is started at a level: what a launcher carries out. */
export interface StartOrder {
  readonly nodePath: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** At level 3 the image's own places are used, below it this machine's. */
export function startOrder(image: EnclaveImage, level: EnclaveLevel): StartOrder {
  const place = (inside: string): string => (level === 3 ? inside : hostPath(image, inside));
  const nodePath = place(INSIDE.node);
  const args = [
    ...SIGNER_FLAGS,
    place(INSIDE.signer),
    nodePath,
    RUNNER_FLAGS.join(","),
    place(INSIDE.runner),
    place(INSIDE.onnxruntime),
    place(INSIDE.koffi),
  ];
  // Inside the empty root every library lies in one directory; on the host the loader's own rules found them.
  const libraries: Record<string, string> = level === 3 ? { LD_LIBRARY_PATH: INSIDE.libraries } : {};
  // Under Landlock reading the host's openssl.cnf fails with EACCES, upon which node exits; an absent file is ignored.
  const openssl: Record<string, string> = level === 3 ? {} : { OPENSSL_CONF: "/dev/null" };
  return { nodePath, args, env: { ...ENVIRONMENT, ...libraries, ...openssl } };
}

/**
 * PCR1's preimage: everything that decides how the measured files run, with the places inside in place of this machine's paths, so that it does
 * not depend on who operates it where. Which tool carries it out (bubblewrap, unshare) is not part of it.
 */
export function bootManifest(image: EnclaveImage, level: EnclaveLevel): string {
  const sha384 = (bytes: Uint8Array): string => createHash("sha384").update(bytes).digest("hex");
  const inside: EnclaveImage = {
    ...image,
    runtime: image.runtime.map((file) => ({ ...file, host: file.inside })),
    application: image.application.map((file) => ({ ...file, host: file.inside })),
  };
  const { nodePath, args, env } = startOrder(inside, level);
  return JSON.stringify({
    version: 1,
    level,
    argv: [nodePath, ...args],
    env: Object.entries(env).sort(),
    rlimits: RLIMITS,
    sandboxFilter: level >= 2 ? sha384(sandboxFilter()) : null,
    runnerFilter: sha384(runnerFilter()),
  });
}
