import type { Native } from "../native";
import { runnerFilter } from "../seccomp/filters";
import { SYSCALLS_X86_64 as NR } from "../seccomp/syscalls";

const RLIMIT = { FSIZE: 1, DATA: 2, CORE: 4, NOFILE: 7 } as const;
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const SIGKILL = 9;
const AT_FDCWD = -100;

/**
 * Gives up, for good, everything that serving a model does not need. Called when node, koffi and onnxruntime are loaded and no byte
 * of a model was read. From here on a model that takes over the process can compute, answer or die.
 * @throws Error when the kernel refuses a step; the runner must not serve then
 */
export function lockDown(native: Native, memoryBytes: number): void {
  const limit = (resource: number, value: number): void => {
    const pair = Buffer.alloc(16);
    pair.writeBigUInt64LE(BigInt(value), 0);
    pair.writeBigUInt64LE(BigInt(value), 8);
    native.demand(`prlimit ${resource}`, native.call(NR.prlimit64, 0, resource, pair, null));
  };
  // The signer is the parent; a runner that is busy in a model would not notice that its socket has closed.
  native.demand("prctl(PDEATHSIG)", native.call(NR.prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
  native.demand("prctl(DUMPABLE)", native.call(NR.prctl, PR_SET_DUMPABLE, 0, 0, 0, 0));
  // Data, not address space: V8 reserves gigabytes that it never touches.
  limit(RLIMIT.DATA, memoryBytes);
  limit(RLIMIT.FSIZE, 0);
  limit(RLIMIT.NOFILE, 16);
  native.installFilter(runnerFilter(), true);
}

/**
 * Tries what the filter must refuse and reports each outcome by its errno. The signer demands that none of them is `OK`; a kernel
 * that takes a filter and does not enforce it is found here, not by a model.
 */
export function lockdownTests(native: Native): Record<string, string> {
  const attempt = (result: number): string => native.errorName(result);
  const forked = native.call(NR.fork);
  if (forked === 0) native.call(NR.exit_group, 0); // The copy that must not exist ends at once.
  return {
    fork: attempt(forked),
    // With no path a permitted execve fails by EFAULT, so trying it is safe.
    execve: attempt(native.call(NR.execve, null, null, null)),
    open: attempt(native.call(NR.openat, AT_FDCWD, "/", 0, 0)),
    socket: attempt(native.call(NR.socket, 1, 1, 0)),
    kill: attempt(native.call(NR.kill, process.ppid, 0)),
    ptrace: attempt(native.call(NR.ptrace, 16, process.ppid, 0, 0)),
    vmRead: attempt(native.call(NR.process_vm_readv, process.ppid, null, 0, null, 0, 0)),
    unshare: attempt(native.call(NR.unshare, 0x10000000)),
    memfd: attempt(native.call(NR.memfd_create, "x", 0)),
    ioUring: attempt(native.call(NR.io_uring_setup, 1, null)),
  };
}
