import { closeSync, existsSync } from "node:fs";
import type { Native } from "../../image/native";
import { SYSCALLS_X86_64 as NR } from "../../image/seccomp/syscalls";

/** Rights of `linux/landlock.h`: the number handled grows with the ABI. */
const FS_EXECUTE = 1 << 0;
const FS_READ_FILE = 1 << 2;
const FS_RIGHTS_BY_ABI: readonly (readonly [number, number])[] = [
  [1, 0x1fff],
  [2, 0x3fff],
  [3, 0x7fff],
  [5, 0xffff],
];
const NET_BIND_AND_CONNECT_TCP = 0x3;
const SCOPE_ABSTRACT_UNIX_AND_SIGNALS = 0x3;
const VERSION_QUERY = 1;
const RULE_PATH_BENEATH = 1;
const O_PATH_CLOEXEC = 0x200000 | 0x80000;
const AT_FDCWD = -100;

/** The Landlock version of this kernel; 0 where there is none. */
export function landlockAbi(native: Native): number {
  return Math.max(0, native.call(NR.landlock_create_ruleset, null, 0, VERSION_QUERY));
}

/**
 * Lets this thread, and what it executes, read and execute the given files and nothing else of the file system. Handles every right that the kernel
 * knows, TCP and signals to outside included where it does.
 * @throws Error with the errno's name
 */
export function restrictToFiles(native: Native, files: readonly string[]): void {
  const abi = landlockAbi(native);
  if (abi < 1) throw new Error("landlock is not available");
  const rights = FS_RIGHTS_BY_ABI.filter(([since]) => since <= abi).at(-1)?.[1] ?? 0;
  const attributes = Buffer.alloc(24);
  attributes.writeBigUInt64LE(BigInt(rights), 0);
  if (abi >= 4) attributes.writeBigUInt64LE(BigInt(NET_BIND_AND_CONNECT_TCP), 8);
  if (abi >= 6) attributes.writeBigUInt64LE(BigInt(SCOPE_ABSTRACT_UNIX_AND_SIGNALS), 16);
  const size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const ruleset = native.demand(
    "landlock_create_ruleset",
    native.call(NR.landlock_create_ruleset, attributes.subarray(0, size), size, 0),
  );
  for (const path of files) {
    if (!existsSync(path)) continue;
    const fd = native.demand(`open ${path}`, native.call(NR.openat, AT_FDCWD, path, O_PATH_CLOEXEC, 0));
    // struct landlock_path_beneath_attr is packed: eight bytes of rights, four of descriptor.
    const rule = Buffer.alloc(12);
    rule.writeBigUInt64LE(BigInt(FS_EXECUTE | FS_READ_FILE), 0);
    rule.writeInt32LE(fd, 8);
    native.demand("landlock_add_rule", native.call(NR.landlock_add_rule, ruleset, RULE_PATH_BENEATH, rule, 0));
    closeSync(fd);
  }
  native.demand("prctl(NO_NEW_PRIVS)", native.call(NR.prctl, 38, 1, 0, 0, 0));
  native.demand("landlock_restrict_self", native.call(NR.landlock_restrict_self, ruleset, 0));
  closeSync(ruleset);
}
