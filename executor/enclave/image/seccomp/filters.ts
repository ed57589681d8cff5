import { type ArgumentTest, assembleFilter, type FilterRule } from "./bpf";
import type { SyscallName } from "./syscalls";

const CLONE_THREAD = 0x10000;
/** NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, and CLONE_PTRACE. */
const CLONE_FORBIDDEN = 0x20000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x2000;
/** O_ACCMODE, O_CREAT, O_TRUNC, O_APPEND and the own bit of O_TMPFILE. */
const OPEN_WRITES = 0x3 | 0x40 | 0x200 | 0x400 | 0x400000;
const AF_UNIX = 1;
const SIGKILL = 9;

const equal = (argument: ArgumentTest["argument"], value: number): ArgumentTest => ({
  argument,
  mask: 0xffffffff,
  value,
});
const isNull = (argument: ArgumentTest["argument"]): ArgumentTest => ({ ...equal(argument, 0), highZero: true });
const plain = (...names: SyscallName[]): FilterRule[] => names.map((syscall) => ({ syscall }));

/** What a thread of node does all day; the most frequent calls first, because rules are tried in order. */
const COMPUTE: readonly FilterRule[] = plain(
  "futex",
  "read",
  "write",
  "epoll_wait",
  "epoll_pwait",
  "writev",
  "readv",
  "clock_gettime",
  "mmap",
  "munmap",
  "madvise",
  "mprotect",
  "getpid",
  "gettid",
  "epoll_ctl",
  "sched_yield",
  "mremap",
  "brk",
  "close",
  "fstat",
  "rt_sigprocmask",
  "rt_sigaction",
  "rt_sigreturn",
  "sigaltstack",
  "nanosleep",
  "clock_nanosleep",
  "clock_getres",
  "gettimeofday",
  "exit",
  "exit_group",
  "restart_syscall",
  "getrandom",
  "rseq",
  "set_robust_list",
  "get_robust_list",
  "set_tid_address",
  "membarrier",
  "getcpu",
  "sched_getaffinity",
  "sched_getparam",
  "sched_getscheduler",
  "sched_get_priority_max",
  "sched_get_priority_min",
  "getrusage",
  "times",
  "sysinfo",
  "uname",
  "getuid",
  "geteuid",
  "getgid",
  "getegid",
  "getppid",
  "lseek",
  "pread64",
  // Node 26 calls fsync for ever at its exit where it is refused.
  "fsync",
  "poll",
  "ppoll",
  "select",
  "pselect6",
  "epoll_pwait2",
  "shutdown",
  "fdatasync",
);

/** Reading the image. Whatever could write gets EROFS, which is what node expects of a read-only system. */
const READ_FILES: readonly FilterRule[] = [
  ...plain(
    "stat",
    "lstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getcwd",
    "getdents64",
  ),
  { syscall: "openat", allowIf: [[{ argument: 2, mask: OPEN_WRITES, value: 0 }]], otherwise: "EROFS" },
  { syscall: "open", allowIf: [[{ argument: 1, mask: OPEN_WRITES, value: 0 }]], otherwise: "EROFS" },
];

/** FIOCLEX, FIONCLEX, FIONBIO, FIONREAD, TCGETS (isatty) and TIOCGWINSZ; above all not TIOCSTI. */
const IOCTLS: FilterRule = {
  syscall: "ioctl",
  allowIf: [0x5451, 0x5450, 0x5421, 0x541b, 0x5401, 0x5413].map((request) => [equal(1, request)]),
};

/**
 * `clone3` hides its flags behind a pointer, so it is said not to exist and the C library falls back to `clone`, whose flags can be
 * seen.
 */
const NO_CLONE3: FilterRule = { syscall: "clone3", allowIf: [], otherwise: "ENOSYS" };

/**
 * For the whole sandbox: signer, runners before their own filter, and bubblewrap's init, which needs wait4 and waitid.
 * No socket but a pair, no signal but SIGKILL, no namespace, mount, ptrace, key, bpf, perf, io_uring.
 */
export const SANDBOX_RULES: readonly FilterRule[] = [
  ...COMPUTE,
  ...READ_FILES,
  IOCTLS,
  NO_CLONE3,
  ...plain(
    "fcntl",
    "dup",
    "dup2",
    "dup3",
    "pipe",
    "pipe2",
    "eventfd2",
    "epoll_create1",
    "close_range",
    "arch_prctl",
    "sched_setaffinity",
  ),
  ...plain("sendto", "recvfrom", "sendmsg", "recvmsg", "getsockname", "getpeername", "getsockopt", "setsockopt"),
  ...plain(
    "execve",
    "wait4",
    "waitid",
    "vfork",
    "fork",
    "umask",
    "getresuid",
    "getresgid",
    "getpgrp",
    "capget",
    "getrlimit",
    "seccomp",
  ),
  { syscall: "clone", allowIf: [[{ argument: 0, mask: CLONE_FORBIDDEN, value: 0 }]] },
  { syscall: "socketpair", allowIf: [[equal(0, AF_UNIX)]] },
  { syscall: "kill", allowIf: [[equal(1, SIGKILL)], [equal(1, 0)]] },
  // Lowering one's own limits; raising needs a capability that nobody in here has.
  { syscall: "prlimit64", allowIf: [[equal(0, 0)]] },
  // PDEATHSIG, GET_DUMPABLE, SET_DUMPABLE 0, SET_NAME, GET_NAME, NO_NEW_PRIVS and its query, GET_SECCOMP, SET_VMA (names of mappings).
  {
    syscall: "prctl",
    allowIf: [
      [equal(0, 1)],
      [equal(0, 3)],
      [equal(0, 4), equal(1, 0)],
      [equal(0, 15)],
      [equal(0, 16)],
      [equal(0, 38)],
      [equal(0, 39)],
      [equal(0, 21)],
      [equal(0, 0x53564d41)],
    ],
  },
];

/**
 * What a runner adds on itself before it sees a model. It can compute, answer over its socket and end; it can not start a
 * process, open a file, send a signal, make a socket or a pipe, change limits or take back what it gave up.
 */
export const RUNNER_RULES: readonly FilterRule[] = [
  ...COMPUTE,
  NO_CLONE3,
  { syscall: "clone", allowIf: [[{ argument: 0, mask: (CLONE_FORBIDDEN | CLONE_THREAD) >>> 0, value: CLONE_THREAD }]] },
  { syscall: "prlimit64", allowIf: [[equal(0, 0), isNull(2)]] },
  { syscall: "getrlimit" },
  { syscall: "prctl", allowIf: [[equal(0, 15)], [equal(0, 16)], [equal(0, 0x53564d41)]] },
];

export function sandboxFilter(): Uint8Array {
  return assembleFilter(SANDBOX_RULES);
}

export function runnerFilter(): Uint8Array {
  return assembleFilter(RUNNER_RULES);
}
