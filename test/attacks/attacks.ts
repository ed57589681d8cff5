import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import * as fs from "node:fs";
import * as inspector from "node:inspector";
import { connect, createServer, type NetConnectOpts, type Server } from "node:net";
import { join } from "node:path";
import { writeHeapSnapshot } from "node:v8";
import type { Native } from "../../executor/enclave/image/native";
import { SYSCALLS_X86_64 as NR } from "../../executor/enclave/image/seccomp/syscalls";
import type { AttackTargets } from "./targets";

/** `ALLOWED`, or the code of the error that stopped it. */
export type Outcome = string;
type Attack = (context: {
  readonly native: Native;
  readonly targets: AttackTargets;
  readonly self: string;
}) => Outcome | Promise<Outcome>;

const ALLOWED = "ALLOWED";
const TIMEOUT_MS = 2_000;
const SIGCHLD = 17;

function sync(action: () => unknown): Outcome {
  try {
    action();
    return ALLOWED;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message.slice(0, 60);
  }
}

function settled(start: (done: (outcome: Outcome) => void) => void): Promise<Outcome> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve("TIMEOUT"), TIMEOUT_MS);
    const done = (outcome: Outcome): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    try {
      start(done);
    } catch (error) {
      done((error as NodeJS.ErrnoException).code ?? "ERROR");
    }
  });
}

const failed = (done: (outcome: Outcome) => void) => (error: NodeJS.ErrnoException) => done(error.code ?? "ERROR");
const listen = (where: Parameters<Server["listen"]>[0]): Promise<Outcome> =>
  settled((done) => {
    const server = createServer();
    server.on("error", failed(done));
    server.listen(where, () => server.close(() => done(ALLOWED)));
  });
const dial = (where: NetConnectOpts): Promise<Outcome> =>
  settled((done) => {
    const socket = connect(where);
    socket.on("error", failed(done));
    socket.on("connect", () => {
      socket.destroy();
      done(ALLOWED);
    });
  });

/** A raw call whose success has no lasting effect. */
const raw =
  (name: keyof typeof NR, ...args: (number | string | Uint8Array | null)[]): Attack =>
  ({ native }) => {
    const result = native.call(NR[name], ...args);
    return result >= 0 ? ALLOWED : native.errorName(result);
  };
/** The same where success gives a descriptor, which is closed again. */
const rawFd =
  (name: keyof typeof NR, ...args: (number | string | Uint8Array | null)[]): Attack =>
  ({ native }) => {
    const result = native.call(NR[name], ...args);
    if (result < 0) return native.errorName(result);
    native.call(NR.close, result);
    return ALLOWED;
  };
/** A copy of this process, which ends at once if it comes into being. */
const copy =
  (flags: number): Attack =>
  ({ native }) => {
    const result = native.call(NR.clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (result === 0) native.call(NR.exit_group, 0);
    if (result > 0) native.call(NR.wait4, result, null, 0, null);
    return result > 0 ? ALLOWED : native.errorName(result);
  };

function vector(length: number): Uint8Array {
  return Buffer.alloc(length);
}

/**
 * What somebody with arbitrary native code would try, from ../shared/facts/sandbox.md section 3. One list for both runs: inside, where every one of
 * them must fail, and outside as the control, where they must succeed, so that a broken attack does not pass for a good defence.
 */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  "net.tcpConnectHost": ({ targets }) => dial({ host: "127.0.0.1", port: targets.tcpPort }),
  "net.udpSendHost": ({ targets }) =>
    settled((done) => {
      const socket = createSocket("udp4");
      socket.on("error", failed(done));
      socket.send("x", targets.udpPort, "127.0.0.1", (error) => {
        socket.close();
        done(error === null ? ALLOWED : ((error as NodeJS.ErrnoException).code ?? "ERROR"));
      });
    }),
  "net.tcpListen": () => listen({ host: "127.0.0.1", port: 0 }),
  "net.unixConnectHost": ({ targets }) => dial({ path: targets.unixSocket }),
  "net.abstractConnectHost": ({ native, targets }) => {
    const fd = native.call(NR.socket, 1, 1, 0);
    if (fd < 0) return native.errorName(fd);
    const name = Buffer.from(`\0${targets.abstractSocket}`);
    const exact = Buffer.concat([Uint8Array.of(1, 0), name]);
    // Node 20 binds the whole structure, zeros included, later versions the name only.
    const padded = Buffer.concat([exact, Buffer.alloc(110 - exact.length)]);
    const first = native.call(NR.connect, fd, padded, padded.length);
    const result = first >= 0 ? first : native.call(NR.connect, fd, exact, exact.length);
    native.call(NR.close, fd);
    return result >= 0 ? ALLOWED : native.errorName(result);
  },
  "net.unixListen": ({ targets }) => listen({ path: join(targets.folder, `listen-${process.pid}`) }),
  "net.socketInet": rawFd("socket", 2, 1, 0),
  "net.socketInet6": rawFd("socket", 10, 1, 0),
  "net.socketUnix": rawFd("socket", 1, 1, 0),
  "net.socketNetlink": rawFd("socket", 16, 3, 0),
  "net.socketPacket": rawFd("socket", 17, 3, 0),
  "net.inspector": () =>
    sync(() => {
      inspector.open(0, "127.0.0.1");
      const url = inspector.url();
      if (url !== undefined) inspector.close();
      // It does not throw where it can not listen; it prints and has no address.
      else throw Object.assign(new Error("not started"), { code: "NOT_STARTED" });
    }),
  "fs.readSecret": ({ targets }) => sync(() => fs.readFileSync(targets.secretFile)),
  "fs.listFolder": ({ targets }) => sync(() => fs.readdirSync(targets.folder)),
  "fs.readPasswd": () => sync(() => fs.readFileSync("/etc/passwd")),
  "fs.writeFolder": ({ targets }) => sync(() => fs.writeFileSync(join(targets.folder, "written"), "x")),
  "fs.writeSelf": ({ self }) => sync(() => fs.appendFileSync(self, "\n")),
  "fs.makeDirectory": ({ targets }) => sync(() => fs.mkdirSync(join(targets.folder, `made-${process.pid}`))),
  "fs.symlinkThenRead": ({ targets }) =>
    sync(() => {
      const link = join(targets.folder, `link-${process.pid}-${Date.now()}`);
      fs.symlinkSync(targets.secretFile, link);
      fs.readFileSync(link);
    }),
  "fs.heapSnapshot": ({ targets }) => sync(() => writeHeapSnapshot(join(targets.folder, "heap"))),
  "fs.procSelfMem": () => sync(() => fs.closeSync(fs.openSync("/proc/self/mem", "r+"))),
  "fs.procVictimEnviron": ({ targets }) => sync(() => fs.readFileSync(`/proc/${targets.victimPid}/environ`)),
  "fs.procParentMem": () => sync(() => fs.closeSync(fs.openSync(`/proc/${process.ppid}/mem`, "r"))),
  "fs.procRootOfParent": () => sync(() => fs.readdirSync(`/proc/${process.ppid}/root`)),
  "fs.sysClassNet": () => sync(() => fs.readdirSync("/sys/class/net")),
  "fs.devShm": () =>
    sync(() => {
      const path = `/dev/shm/assay-attack-${process.pid}`;
      fs.writeFileSync(path, "x");
      fs.unlinkSync(path);
    }),
  "process.shell": () => sync(() => throwIfFailed(spawnSync("/bin/sh", ["-c", "exit 0"]))),
  "process.node": () => sync(() => throwIfFailed(spawnSync(process.execPath, ["--version"], { stdio: "inherit" }))),
  "process.fork": copy(0),
  "process.execveReachable": ({ native }) => {
    // Without a path a permitted call fails by EFAULT and changes nothing.
    const result = native.call(NR.execve, null, null, null);
    return native.errorName(result) === "EFAULT" ? ALLOWED : native.errorName(result);
  },
  "process.signalVictim": ({ native, targets }) => outcome(native, native.call(NR.kill, targets.victimPid, 0)),
  "process.signalParent": ({ native }) => outcome(native, native.call(NR.kill, process.ppid, 0)),
  "process.signalAll": ({ native }) => outcome(native, native.call(NR.kill, -1, 0)),
  "process.listPids": () =>
    sync(() => {
      // Level 3 has a /proc with the processor's description in it and nothing else.
      if (!fs.readdirSync("/proc").some((name) => /^\d+$/.test(name)))
        throw Object.assign(new Error("none"), { code: "NO_PIDS" });
    }),
  "process.pidfd": ({ native, targets }) => {
    const fd = native.call(NR.pidfd_open, targets.victimPid, 0);
    if (fd >= 0) native.call(NR.close, fd);
    return outcome(native, fd);
  },
  "ptrace.victim": ({ native, targets }) => {
    const result = native.call(NR.ptrace, 16, targets.victimPid, 0, 0);
    if (result >= 0) {
      native.call(NR.wait4, targets.victimPid, null, 0x40000000, null);
      native.call(NR.ptrace, 17, targets.victimPid, 0, 0);
    }
    return outcome(native, result);
  },
  "ptrace.parent": ({ native }) =>
    outcome(native, native.call(NR.process_vm_readv, process.ppid, vector(16), 0, vector(16), 0, 0)),
  "ptrace.vmReadVictim": ({ native, targets }) =>
    outcome(native, native.call(NR.process_vm_readv, targets.victimPid, vector(16), 0, vector(16), 0, 0)),
  "namespace.cloneUser": copy(0x10000000),
  "namespace.cloneNet": copy(0x40000000),
  "namespace.unshareFs": raw("unshare", 0x200),
  "namespace.mount": ({ native, targets }) => {
    const at = join(targets.folder, "mount");
    const result = native.call(NR.mount, "none", at, "tmpfs", 0, null);
    if (result >= 0) native.call(NR.umount2, at, 2);
    return outcome(native, result);
  },
  "namespace.setnsVictim": ({ native, targets }) => {
    const fd = native.call(NR.openat, -100, `/proc/${targets.victimPid}/ns/uts`, 0, 0);
    if (fd < 0) return native.errorName(fd);
    const result = native.call(NR.setns, fd, 0);
    native.call(NR.close, fd);
    return outcome(native, result);
  },
  "kernel.ioUring": rawFd("io_uring_setup", 1, vector(120)),
  "kernel.keyring": raw("keyctl", 0, -3, 0, 0, 0),
  "kernel.memfd": rawFd("memfd_create", "x", 0),
  "kernel.inotify": rawFd("inotify_init1", 0),
  "kernel.sharedMemory": raw("shmget", 0, 4_096, 0o1600),
  "kernel.personality": raw("personality", 0xffffffff),
  "kernel.perf": rawFd("perf_event_open", perfAttributes(), 0, -1, -1, 0),
  "kernel.raiseLimit": ({ native }) => {
    const limit = Buffer.alloc(16);
    native.call(NR.prlimit64, 0, 7, null, limit);
    const raised = Buffer.from(limit);
    raised.writeBigUInt64LE(limit.readBigUInt64LE(8) + 1n, 8);
    const result = native.call(NR.prlimit64, 0, 7, raised, null);
    return outcome(native, result);
  },
  "js.eval": () => sync(() => new Function("return 1")()),
};

function outcome(native: Native, result: number): Outcome {
  return result >= 0 ? ALLOWED : native.errorName(result);
}

function throwIfFailed({ error }: { error?: Error | undefined }): void {
  if (error !== undefined) throw error;
}

/** A software clock that counts nothing of anybody else. */
function perfAttributes(): Uint8Array {
  const attributes = Buffer.alloc(64);
  attributes.writeUInt32LE(1, 0);
  attributes.writeUInt32LE(64, 4);
  attributes.writeBigUInt64LE(0x61n, 40);
  return attributes;
}

/** Attacks that end the attacker instead of failing: node asserts when its inspector thread is refused what it needs. */
export const FATAL_BEHIND_FILTER = ["net.inspector"] as const;

export async function runAttacks(
  context: { readonly native: Native; readonly targets: AttackTargets; readonly self: string },
  without: readonly string[] = [],
): Promise<Record<string, Outcome>> {
  const outcomes: Record<string, Outcome> = {};
  for (const [name, attack] of Object.entries(ATTACKS)) {
    if (without.includes(name)) continue;
    try {
      outcomes[name] = await attack(context);
    } catch (error) {
      outcomes[name] = (error as NodeJS.ErrnoException).code ?? (error as Error).message.slice(0, 60);
    }
  }
  return outcomes;
}
