import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { EnclaveError } from "../errors";
import { libraryClosure } from "./libraries";

/** A file of the image: where it is inside, and which file of this machine is put there. */
export interface ImageFile {
  readonly inside: string;
  readonly host: string;
}

/** Everything that a sandbox consists of. `runtime` is measured by PCR0, `application` by PCR2. */
export interface EnclaveImage {
  readonly runtime: readonly ImageFile[];
  readonly application: readonly ImageFile[];
  /** The launcher's own code, for sandboxes that are made without bubblewrap; outside of the measurement, like bubblewrap itself. */
  readonly stage0: string;
}

/** Places inside the sandbox; the same on every machine, so that they may be measured. */
export const INSIDE = {
  node: "/bin/node",
  signer: "/app/signer.js",
  runner: "/app/runner.js",
  onnxruntime: "/app/onnxruntime_binding.node",
  onnxruntimeLibrary: "/app/libonnxruntime.so.1",
  koffi: "/app/koffi.node",
  libraries: "/lib",
} as const;

/** Where node's module lookup finds a package from here, wherever this clone and its dependencies lie. */
function packageFile(name: string, file: string): string {
  try {
    // The entry of a package may be closed by its "exports"; its package.json is beside what is looked for.
    const paths = require.resolve.paths(name) ?? [];
    const home = paths.map((dir) => join(dir, name)).find((dir) => existsSync(join(dir, "package.json")));
    if (home !== undefined && existsSync(join(home, file))) return realpathSync(join(home, file));
  } catch {
    // Reported below, in words that say what to do.
  }
  throw new EnclaveError({
    code: "ENCLAVE_IMAGE_INCOMPLETE",
    message: `${name} is not installed for this platform`,
    context: { name, file },
  });
}

/** `dist/enclave` of this clone, looked for upwards, because this file runs from the sources and from `dist`. */
export function bundleDirectory(): string {
  for (let dir = __dirname; dir !== dirname(dir); dir = dirname(dir)) {
    for (const candidate of [join(dir, "dist", "enclave"), join(dir, "enclave")]) {
      if (existsSync(join(candidate, "signer.js"))) return candidate;
    }
  }
  throw new EnclaveError({
    code: "ENCLAVE_IMAGE_INCOMPLETE",
    message: "the enclave's bundle was not built; run the build first",
    context: {},
  });
}

/** Overrides for tests: another application in place of the bundle's. */
export interface ImageOverrides {
  readonly nodePath?: string;
  readonly bundles?: string;
  readonly runner?: string;
}

/** @throws EnclaveError `ENCLAVE_IMAGE_INCOMPLETE`, `ENCLAVE_PLATFORM_UNSUPPORTED` */
export function locateImage(overrides: ImageOverrides = {}): EnclaveImage {
  const node = realpathSync(overrides.nodePath ?? process.execPath);
  const bundles = overrides.bundles ?? bundleDirectory();
  const binding = packageFile("onnxruntime-node", "bin/napi-v6/linux/x64/onnxruntime_binding.node");
  const library = packageFile("onnxruntime-node", "bin/napi-v6/linux/x64/libonnxruntime.so.1");
  const koffi = packageFile("@koromix/koffi-linux-x64", "linux_x64/koffi.node");
  const closure = libraryClosure([node, binding, library, koffi]);
  const runtime: ImageFile[] = [
    { inside: INSIDE.node, host: node },
    { inside: closure.interpreter.path, host: closure.interpreter.file },
    ...[...closure.libraries].map(([soname, host]) => ({ inside: `${INSIDE.libraries}/${soname}`, host })),
    { inside: INSIDE.onnxruntime, host: binding },
    { inside: INSIDE.onnxruntimeLibrary, host: library },
    { inside: INSIDE.koffi, host: koffi },
  ];
  const application: ImageFile[] = [
    { inside: INSIDE.signer, host: realpathSync(join(bundles, "signer.js")) },
    { inside: INSIDE.runner, host: realpathSync(overrides.runner ?? join(bundles, "runner.js")) },
  ];
  return { runtime, application, stage0: realpathSync(join(bundles, "stage0.js")) };
}

/** The file of this machine behind a place inside. */
export function hostPath(image: EnclaveImage, inside: string): string {
  const file = [...image.runtime, ...image.application].find((entry) => entry.inside === inside);
  if (file === undefined)
    throw new EnclaveError({
      code: "ENCLAVE_IMAGE_INCOMPLETE",
      message: `the image has no ${inside}`,
      context: { inside },
    });
  return file.host;
}
