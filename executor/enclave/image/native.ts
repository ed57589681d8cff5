/** The few parts of koffi's native module that are used; its JavaScript wrapper only looks for the file. */
interface KoffiNative {
  load(path: null): { func(signature: string): (...args: unknown[]) => number };
  struct(name: string, members: Record<string, string>): unknown;
  errno(): number;
  readonly os: { readonly errno: Record<string, number> };
}

/** A pointer argument: bytes, text (copied, with a final zero) or nothing. */
export type Pointer = Uint8Array | string | null;

/** System calls by the C library's `syscall(2)`. Only launchers and runners have this; no process that holds a key loads it. */
export class Native {
  readonly #koffi: KoffiNative;
  readonly #calls = new Map<string, (...args: unknown[]) => number>();
  readonly #names: ReadonlyMap<number, string>;

  constructor(koffiPath: string) {
    const holder = { exports: {} as KoffiNative };
    process.dlopen(holder, koffiPath);
    this.#koffi = holder.exports;
    this.#koffi.struct("sock_fprog", { len: "uint16", filter: "void *" });
    this.#names = new Map(Object.entries(this.#koffi.os.errno).map(([name, value]) => [value, name]));
  }

  /** The result, or the negative errno as the kernel itself returns it. Numbers go as longs, the rest as pointers. */
  call(number: number, ...args: readonly (number | Pointer)[]): number {
    const types = args.map((arg) =>
      typeof arg === "number" ? "long" : typeof arg === "string" ? "const char *" : "void *",
    );
    return this.#invoke(types, [number, ...args]);
  }

  /** An execve that is ready to be called; it returns only when it fails. */
  prepareExecve(parts: {
    readonly path: string;
    readonly args: readonly string[];
    readonly env: readonly string[];
  }): () => number {
    const types = ["const char *", "const char **", "const char **"];
    const args = [59, parts.path, [...parts.args, null], [...parts.env, null]];
    return () => this.#invoke(types, args);
  }

  /** The name of the error in a negative result, `OK` otherwise. */
  errorName(result: number): string {
    return result >= 0 ? "OK" : (this.#names.get(-result) ?? `E${-result}`);
  }

  /**
   * Puts a seccomp filter on every thread of this process, after giving up new privileges, without which the kernel refuses it.
   * @throws Error with the errno's name
   */
  installFilter(filter: Uint8Array, allThreads: boolean): void {
    this.demand("prctl(NO_NEW_PRIVS)", this.call(157, 38, 1, 0, 0, 0));
    const program = { len: filter.length / 8, filter };
    const types = ["long", "long", "sock_fprog *"];
    this.demand("seccomp", this.#invoke(types, [317, 1, allThreads ? 1 : 0, program]));
  }

  /** @throws Error when the result is an error */
  demand(what: string, result: number): number {
    if (result < 0) throw new Error(`${what}: ${this.errorName(result)}`);
    // A filter on all threads returns the id of a thread that would not take it.
    if (what === "seccomp" && result !== 0) throw new Error(`seccomp: thread ${result} has another filter`);
    return result;
  }

  #invoke(types: readonly string[], args: readonly unknown[]): number {
    const signature = `long syscall(${["long", ...types].join(", ")})`;
    let call = this.#calls.get(signature);
    if (call === undefined) {
      call = this.#koffi.load(null).func(signature);
      this.#calls.set(signature, call);
    }
    const result = Number(call(...args));
    return result === -1 ? -this.#koffi.errno() : result;
  }
}
