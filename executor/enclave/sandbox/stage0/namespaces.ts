import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Native } from "../../image/native";
import { SYSCALLS_X86_64 as NR } from "../../image/seccomp/syscalls";

const MS = { NOSUID: 2, NODEV: 4, BIND: 4096, REC: 16384, PRIVATE: 1 << 18 } as const;
const MNT_DETACH = 2;
const AT_FDCWD = -100;
const AT_RECURSIVE = 0x8000;
const MOUNT_ATTR_RDONLY_NOSUID_NODEV = 0x7;
const PR = { CAPBSET_DROP: 24, SET_SECUREBITS: 28, CAP_AMBIENT: 47 } as const;
/** NOROOT, NO_SETUID_FIXUP, KEEP_CAPS off, NO_CAP_AMBIENT_RAISE, each locked: uid 0 is an ordinary number from here on. */
const SECUREBITS = 0b11101111;
const LAST_CAPABILITY = 63;
/** Places to put the new root on for a moment: they exist everywhere and no image's file lies in them. */
const BASES = ["/sys", "/srv", "/mnt"] as const;

/**
 * Builds the root and moves into it: called in fresh user, mount, pid, net, ipc, uts and cgroup namespaces, as their root.
 * @throws Error with the step and the errno's name
 */
export function enterRoot(native: Native, files: readonly { readonly inside: string; readonly host: string }[]): void {
  const base = BASES.find((dir) => existsSync(dir) && !files.some(({ host }) => host.startsWith(`${dir}/`)));
  if (base === undefined) throw new Error("no directory to build the root on");
  const mount = (source: string, target: string, type: string | null, flags: number, data: string | null): number =>
    native.demand(`mount ${target}`, native.call(NR.mount, source, target, type, flags, data));
  // Private first, else mounts made here would travel to the host where its own are shared.
  mount("none", "/", null, MS.REC | MS.PRIVATE, null);
  mount("tmpfs", base, "tmpfs", MS.NOSUID | MS.NODEV, "mode=0755,size=1m");
  for (const { inside, host } of [...files, { inside: "/proc/cpuinfo", host: "/proc/cpuinfo" }]) {
    const target = join(base, inside);
    mkdirSync(dirname(target), { recursive: true });
    closeSync(openSync(target, "wx"));
    mount(host, target, null, MS.BIND, null);
  }
  process.chdir(base);
  // The old root ends up under the new one, and is detached from there: nothing of it has a name any more.
  native.demand("pivot_root", native.call(NR.pivot_root, ".", "."));
  native.demand("umount2", native.call(NR.umount2, ".", MNT_DETACH));
  process.chdir("/");
  const attributes = Buffer.alloc(32);
  attributes.writeBigUInt64LE(BigInt(MOUNT_ATTR_RDONLY_NOSUID_NODEV), 0);
  native.demand("mount_setattr", native.call(NR.mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, attributes, 32));
  native.demand("sethostname", native.call(NR.sethostname, "enclave", 7));
}

/** Gives up every capability, for this process and whatever it executes. */
export function dropCapabilities(native: Native): void {
  native.demand("prctl(AMBIENT)", native.call(NR.prctl, PR.CAP_AMBIENT, 4, 0, 0, 0));
  for (let capability = 0; capability <= LAST_CAPABILITY; capability++) {
    if (native.call(NR.prctl, PR.CAPBSET_DROP, capability, 0, 0, 0) < 0) break; // Past the last one this kernel knows.
  }
  native.demand("prctl(SECUREBITS)", native.call(NR.prctl, PR.SET_SECUREBITS, SECUREBITS, 0, 0, 0));
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x20080522, 0);
  native.demand("capset", native.call(NR.capset, header, Buffer.alloc(24)));
}
