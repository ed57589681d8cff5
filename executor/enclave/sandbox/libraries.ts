import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { EnclaveError } from "../errors";
import { readElf } from "./elf";

const DEFAULT_DIRECTORIES = [
  "/lib/x86_64-linux-gnu",
  "/usr/lib/x86_64-linux-gnu",
  "/lib64",
  "/usr/lib64",
  "/lib",
  "/usr/lib",
];

/** The directories of `/etc/ld.so.conf` with its includes, then the built-in ones, as the loader's cache is made of. */
export function loaderDirectories(config = "/etc/ld.so.conf"): string[] {
  return [...new Set([...fromConfig(config, 0), ...DEFAULT_DIRECTORIES])].filter((dir) => existsSync(dir));
}

function fromConfig(path: string, depth: number): string[] {
  if (depth > 4 || !existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.flatMap((raw) => {
    const line = raw.replace(/#.*/, "").trim();
    if (line.startsWith("/")) return [line];
    const pattern = /^include\s+(\S+)$/.exec(line)?.[1];
    if (pattern === undefined) return [];
    const full = pattern.startsWith("/") ? pattern : join(dirname(path), pattern);
    return glob(full).flatMap((file) => fromConfig(file, depth + 1));
  });
}

/** Files that match a pattern whose last part may hold `*`; all that ld.so.conf uses in practice. */
function glob(pattern: string): string[] {
  const directory = dirname(pattern);
  const last = pattern.slice(directory.length + 1);
  if (!last.includes("*")) return [pattern];
  if (!existsSync(directory)) return [];
  const expression = new RegExp(`^${last.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*")}$`);
  return readdirSync(directory)
    .filter((name) => expression.test(name))
    .sort()
    .map((name) => join(directory, name));
}

/** The shared libraries of some programs: soname -> file on this machine, and the loader that they name. */
export interface LibraryClosure {
  readonly libraries: ReadonlyMap<string, string>;
  /** The path that the program header demands, and the file that is there now. */
  readonly interpreter: { readonly path: string; readonly file: string };
}

/**
 * Everything that the loader will map for these files, found as it finds it (RUNPATH, then the configured directories), so that nothing of
 * one distribution's layout is assumed.
 * @throws EnclaveError `ENCLAVE_IMAGE_INCOMPLETE` when a library is not to be found, `ENCLAVE_PLATFORM_UNSUPPORTED` for a static or foreign program
 */
export function libraryClosure(files: readonly string[]): LibraryClosure {
  const directories = loaderDirectories();
  const libraries = new Map<string, string>();
  let interpreter: string | undefined;
  const own = new Map(files.map((file) => [file.slice(file.lastIndexOf("/") + 1), file]));
  const queue = [...files];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const elf = readElf(file);
    if (elf === undefined) {
      throw new EnclaveError({
        code: "ENCLAVE_PLATFORM_UNSUPPORTED",
        message: `${file} is not a dynamic x86_64 program`,
        context: { file },
      });
    }
    interpreter ??= elf.interpreter;
    const origins = elf.searchPath.map((dir) => dir.replace(/\$\{?ORIGIN\}?/g, dirname(file as string)));
    for (const soname of elf.needed) {
      if (libraries.has(soname) || own.has(soname) || soname === basenameOf(interpreter)) continue;
      const found = [...origins, ...directories]
        .map((dir) => join(dir, soname))
        .find((path) => existsSync(path) && readElf(path) !== undefined);
      if (found === undefined) {
        throw new EnclaveError({
          code: "ENCLAVE_IMAGE_INCOMPLETE",
          message: `the library ${soname} was not found`,
          context: { soname, file },
        });
      }
      const real = realpathSync(found);
      libraries.set(soname, real);
      queue.push(real);
    }
  }
  if (interpreter === undefined) {
    throw new EnclaveError({ code: "ENCLAVE_PLATFORM_UNSUPPORTED", message: "node is linked statically", context: {} });
  }
  return { libraries, interpreter: { path: interpreter, file: realpathSync(interpreter) } };
}

function basenameOf(path: string | undefined): string | undefined {
  return path?.slice(path.lastIndexOf("/") + 1);
}
