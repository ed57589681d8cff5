import { ERRNO, SYSCALLS_X86_64, type SyscallName } from "./syscalls";

/**
 * A seccomp filter in classic BPF (Linux `Documentation/userspace-api/seccomp_filter.rst`), written without a library so that every
 * instruction of the boundary can be read. Rules are tried in order; what no rule names gets EPERM.
 */

/** A test of one argument: its low 32 bits under the mask equal the value. Every flag tested here is an int, or fits the low half. */
export interface ArgumentTest {
  readonly argument: 0 | 1 | 2 | 3 | 4 | 5;
  readonly mask: number;
  readonly value: number;
  /** Also demand that the high half is zero: for pointers, of which a low half of zero proves nothing. */
  readonly highZero?: boolean;
}

export interface FilterRule {
  readonly syscall: SyscallName;
  /** Alternatives, each a conjunction; absent = always. */
  readonly allowIf?: readonly (readonly ArgumentTest[])[];
  /** The error where no alternative holds. */
  readonly otherwise?: keyof typeof ERRNO;
}

const AUDIT_ARCH_X86_64 = 0xc000003e;
const X32_BIT = 0x40000000;
const RET_ALLOW = 0x7fff0000;
const RET_ERRNO = 0x00050000;
const RET_KILL_PROCESS = 0x80000000;
const LD_ABS = 0x20;
const JEQ = 0x15;
const JGE = 0x35;
const AND = 0x54;
const RET = 0x06;
/** Offsets in `struct seccomp_data`. */
const OFFSET_NR = 0;
const OFFSET_ARCH = 4;
const OFFSET_ARGS = 16;

interface Instruction {
  readonly code: number;
  readonly jt?: number;
  readonly jf?: number;
  readonly k: number;
}

/** The filter as the kernel takes it: eight bytes per instruction, host (little-endian) order. */
export function assembleFilter(rules: readonly FilterRule[]): Uint8Array {
  const program: Instruction[] = [
    { code: LD_ABS, k: OFFSET_ARCH },
    { code: JEQ, jt: 1, jf: 0, k: AUDIT_ARCH_X86_64 },
    { code: RET, k: RET_KILL_PROCESS },
    { code: LD_ABS, k: OFFSET_NR },
    // The x32 ABI has its own numbers for the same calls; none of them is wanted.
    { code: JGE, jt: 0, jf: 1, k: X32_BIT },
    { code: RET, k: RET_ERRNO | ERRNO.EPERM },
  ];
  for (const rule of rules) {
    const body = ruleBody(rule);
    program.push({ code: JEQ, jt: 0, jf: body.length, k: SYSCALLS_X86_64[rule.syscall] }, ...body);
  }
  program.push({ code: RET, k: RET_ERRNO | ERRNO.EPERM });
  const out = Buffer.alloc(program.length * 8);
  program.forEach(({ code, jt = 0, jf = 0, k }, i) => {
    // A jump is one byte; writeUInt8 throws where a rule outgrew it.
    out.writeUInt16LE(code, 8 * i);
    out.writeUInt8(jt, 8 * i + 2);
    out.writeUInt8(jf, 8 * i + 3);
    out.writeUInt32LE(k >>> 0, 8 * i + 4);
  });
  return out;
}

/** What runs when the number matches. It always returns, so the accumulator may be overwritten. */
function ruleBody(rule: FilterRule): Instruction[] {
  if (rule.allowIf === undefined) return [{ code: RET, k: RET_ALLOW }];
  const body: Instruction[] = [];
  for (const tests of rule.allowIf) {
    const block: Instruction[] = [];
    const compares: { at: number; block: Instruction }[] = [];
    for (const { argument, mask, value, highZero } of tests) {
      block.push({ code: LD_ABS, k: OFFSET_ARGS + 8 * argument }, { code: AND, k: mask });
      compares.push({ at: block.length, block: { code: JEQ, k: value } });
      block.push({ code: JEQ, k: value });
      if (highZero === true) {
        block.push({ code: LD_ABS, k: OFFSET_ARGS + 8 * argument + 4 });
        compares.push({ at: block.length, block: { code: JEQ, k: 0 } });
        block.push({ code: JEQ, k: 0 });
      }
    }
    block.push({ code: RET, k: RET_ALLOW });
    // A failed compare skips the rest of its alternative.
    for (const { at, block: jump } of compares) block[at] = { ...jump, jt: 0, jf: block.length - at - 1 };
    body.push(...block);
  }
  body.push({ code: RET, k: RET_ERRNO | ERRNO[rule.otherwise ?? "EPERM"] });
  return body;
}
