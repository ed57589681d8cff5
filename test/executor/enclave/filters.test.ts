import { expect } from "chai";
import { assembleFilter } from "../../../executor/enclave/image/seccomp/bpf";
import { runnerFilter, sandboxFilter } from "../../../executor/enclave/image/seccomp/filters";
import { SYSCALLS_X86_64 as NR, type SyscallName } from "../../../executor/enclave/image/seccomp/syscalls";

const X86_64 = 0xc000003e;

/** Runs a filter as the kernel would: the few instructions that the assembler emits, every other one is an error. */
function decide(filter: Uint8Array, call: { nr: number; args?: readonly (number | bigint)[]; arch?: number }): string {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.nr, 0);
  data.writeUInt32LE(call.arch ?? X86_64, 4);
  for (const [i, arg] of (call.args ?? []).entries())
    data.writeBigUInt64LE(BigInt.asUintN(64, BigInt(arg)), 16 + 8 * i);
  const program = Buffer.from(filter);
  let accumulator = 0;
  for (let pc = 0; pc * 8 < program.length; pc++) {
    const [code, jt, jf, k] = [
      program.readUInt16LE(8 * pc),
      program.readUInt8(8 * pc + 2),
      program.readUInt8(8 * pc + 3),
      program.readUInt32LE(8 * pc + 4),
    ];
    if (code === 0x20) accumulator = data.readUInt32LE(k);
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (code === 0x15) pc += accumulator === k ? jt : jf;
    else if (code === 0x35) pc += accumulator >= k ? jt : jf;
    else if (code === 0x06) return k === 0x7fff0000 ? "ALLOW" : k >>> 16 === 5 ? `ERRNO ${k & 0xffff}` : "KILL";
    else throw new Error(`instruction ${code.toString(16)}`);
  }
  throw new Error("the program ran past its end");
}
const ask = (filter: Uint8Array, name: SyscallName, ...args: (number | bigint)[]): string =>
  decide(filter, { nr: NR[name], args });

describe("seccomp filters", () => {
  const sandbox = sandboxFilter();
  const runner = runnerFilter();

  it("kill a foreign architecture and refuse the x32 numbers", () => {
    for (const filter of [sandbox, runner]) {
      expect(decide(filter, { nr: NR.read, arch: 0x40000003 })).to.equal("KILL");
      expect(decide(filter, { nr: 0x40000000 + NR.read })).to.equal("ERRNO 1");
    }
  });

  it("refuse by EPERM whatever is not named", () => {
    for (const name of [
      "ptrace",
      "mount",
      "bpf",
      "keyctl",
      "io_uring_setup",
      "memfd_create",
      "unshare",
      "setns",
      "personality",
      "userfaultfd",
      "socket",
      "connect",
      "bind",
      "tgkill",
      "openat2",
      "execveat",
    ] as const) {
      expect([name, ask(sandbox, name), ask(runner, name)]).to.deep.equal([name, "ERRNO 1", "ERRNO 1"]);
    }
    expect(decide(sandbox, { nr: 9_999 })).to.equal("ERRNO 1");
  });

  it("let the sandbox read files and never write one", () => {
    const [RDONLY, WRONLY, RDWR, CREAT, TRUNC, CLOEXEC] = [0, 1, 2, 0x40, 0x200, 0x80000];
    expect(ask(sandbox, "openat", -100, 0, RDONLY | CLOEXEC)).to.equal("ALLOW");
    for (const flags of [WRONLY, RDWR, CREAT, TRUNC, RDWR | CREAT | CLOEXEC, 0x410000])
      expect(ask(sandbox, "openat", -100, 0, flags), String(flags)).to.equal("ERRNO 30");
    expect(ask(runner, "openat", -100, 0, RDONLY)).to.equal("ERRNO 1");
  });

  it("let the sandbox start threads and processes without namespaces, a runner threads only", () => {
    const thread = 0x3d0f00;
    const fork = 0x1200011;
    expect([ask(sandbox, "clone", thread), ask(sandbox, "clone", fork)]).to.deep.equal(["ALLOW", "ALLOW"]);
    expect([ask(runner, "clone", thread), ask(runner, "clone", fork)]).to.deep.equal(["ALLOW", "ERRNO 1"]);
    for (const flag of [0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]) {
      expect(
        [ask(sandbox, "clone", thread | flag), ask(runner, "clone", thread | flag)],
        flag.toString(16),
      ).to.deep.equal(["ERRNO 1", "ERRNO 1"]);
    }
    expect([ask(sandbox, "clone3"), ask(runner, "clone3")]).to.deep.equal(["ERRNO 38", "ERRNO 38"]);
  });

  it("let nobody but the signer's side end a process, and only by SIGKILL", () => {
    expect([ask(sandbox, "kill", 2, 9), ask(sandbox, "kill", 2, 15), ask(runner, "kill", 2, 9)]).to.deep.equal([
      "ALLOW",
      "ERRNO 1",
      "ERRNO 1",
    ]);
  });

  it("let a runner query its limits and set none, whatever lies in the high half of the pointer", () => {
    expect(ask(runner, "prlimit64", 0, 7, 0, 1)).to.equal("ALLOW");
    for (const pointer of [1n, 1n << 32n, 0x7fff00000000n])
      expect(ask(runner, "prlimit64", 0, 7, pointer, 0)).to.equal("ERRNO 1");
    expect(ask(runner, "prlimit64", 5, 7, 0, 0)).to.equal("ERRNO 1");
  });

  it("allow no ioctl that types into a terminal", () => {
    expect([ask(sandbox, "ioctl", 0, 0x5412), ask(sandbox, "ioctl", 0, 0x5421)]).to.deep.equal(["ERRNO 1", "ALLOW"]);
  });

  it("are what PCR1 measures: the same bytes each time, within the kernel's limit", () => {
    expect(Buffer.from(sandboxFilter())).to.deep.equal(Buffer.from(sandbox));
    for (const filter of [sandbox, runner]) expect(filter.length / 8).to.be.within(10, 4_096);
  });

  it("take the alternatives of a rule one by one", () => {
    const test = (argument: 0 | 1, value: number) => ({ argument, mask: 0xff, value });
    const filter = assembleFilter([{ syscall: "dup2", allowIf: [[test(0, 1), test(1, 2)], [test(0, 3)]] }]);
    const outcomes = [
      [1, 2],
      [1, 3],
      [3, 9],
      [2, 2],
    ].map((args) => ask(filter, "dup2", ...args));
    expect(outcomes).to.deep.equal(["ALLOW", "ERRNO 1", "ALLOW", "ERRNO 1"]);
  });
});
