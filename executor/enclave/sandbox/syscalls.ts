/** System call numbers of x86_64 (Linux, `arch/x86/entry/syscalls/syscall_64.tbl`), as far as the filters name them. */
export const SYSCALLS_X86_64 = {
  read: 0, write: 1, open: 2, close: 3, stat: 4, fstat: 5, lstat: 6, poll: 7, lseek: 8, mmap: 9, mprotect: 10, munmap: 11, brk: 12,
  rt_sigaction: 13, rt_sigprocmask: 14, rt_sigreturn: 15, ioctl: 16, pread64: 17, readv: 19, writev: 20, access: 21, pipe: 22, select: 23,
  sched_yield: 24, mremap: 25, madvise: 28, dup: 32, dup2: 33, nanosleep: 35, getpid: 39, socket: 41, connect: 42, sendto: 44, recvfrom: 45,
  sendmsg: 46, recvmsg: 47, shutdown: 48, bind: 49, listen: 50, getsockname: 51, getpeername: 52, socketpair: 53, setsockopt: 54, getsockopt: 55,
  clone: 56, fork: 57, vfork: 58, execve: 59, exit: 60, wait4: 61, kill: 62, uname: 63, fcntl: 72, fsync: 74, fdatasync: 75, getcwd: 79,
  chdir: 80, mkdir: 83, unlink: 87, readlink: 89, chmod: 90, umask: 95, gettimeofday: 96, getrlimit: 97, getrusage: 98, sysinfo: 99, times: 100, ptrace: 101,
  getuid: 102, getgid: 104, geteuid: 107, getegid: 108, getppid: 110, getpgrp: 111, setsid: 112, getresuid: 118, getresgid: 120, capget: 125, capset: 126,
  sigaltstack: 131, mknod: 133, personality: 135, sched_getparam: 143, sched_getscheduler: 145, sched_get_priority_max: 146, sched_get_priority_min: 147,
  pivot_root: 155, prctl: 157, arch_prctl: 158, setrlimit: 160, chroot: 161, mount: 165, umount2: 166, sethostname: 170, gettid: 186, futex: 202,
  sched_setaffinity: 203, sched_getaffinity: 204, getdents64: 217, set_tid_address: 218, restart_syscall: 219, clock_settime: 227, clock_gettime: 228, clock_getres: 229,
  clock_nanosleep: 230, exit_group: 231, epoll_wait: 232, epoll_ctl: 233, tgkill: 234, waitid: 247, add_key: 248, keyctl: 250, inotify_init1: 294, openat: 257, mkdirat: 258,
  newfstatat: 262, unlinkat: 263, readlinkat: 267, faccessat: 269, pselect6: 270, ppoll: 271, unshare: 272, set_robust_list: 273, get_robust_list: 274, epoll_pwait: 281,
  eventfd2: 290, epoll_create1: 291, dup3: 292, pipe2: 293, perf_event_open: 298, prlimit64: 302, setns: 308, getcpu: 309, process_vm_readv: 310,
  seccomp: 317, getrandom: 318, memfd_create: 319, bpf: 321, execveat: 322, userfaultfd: 323, membarrier: 324, statx: 332, rseq: 334,
  pidfd_send_signal: 424, io_uring_setup: 425, pidfd_open: 434, clone3: 435, close_range: 436, openat2: 437, pidfd_getfd: 438, faccessat2: 439, epoll_pwait2: 441,
  landlock_create_ruleset: 444, landlock_add_rule: 445, landlock_restrict_self: 446, mount_setattr: 442, shmget: 29,
} as const;

export type SyscallName = keyof typeof SYSCALLS_X86_64;

/** `errno` values that filters answer with. */
export const ERRNO = { EPERM: 1, EROFS: 30, ENOSYS: 38 } as const;
