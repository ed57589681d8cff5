import { closeSync, openSync, readSync } from "node:fs";

/** What the dynamic loader would read of a file: its interpreter, the libraries it needs and where it says to look. */
export interface ElfDependencies {
  readonly interpreter: string | undefined;
  readonly needed: readonly string[];
  /** DT_RPATH and DT_RUNPATH, split; `$ORIGIN` not yet replaced. */
  readonly searchPath: readonly string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT = { NULL: 0, NEEDED: 1, STRTAB: 5, RPATH: 15, RUNPATH: 29 } as const;
const MACHINE_X86_64 = 62;
const MAX_STRING = 4_096;

/**
 * Reads the dynamic section of a 64-bit little-endian x86_64 ELF file (System V gABI, chapter 5), a few kilobytes of it whatever its
 * size; undefined for anything else, such as a linker script.
 */
export function readElf(path: string): ElfDependencies | undefined {
  const fd = openSync(path, "r");
  try {
    const at = (offset: number, length: number): Buffer => {
      const buffer = Buffer.alloc(length);
      const count = readSync(fd, buffer, 0, length, offset);
      return buffer.subarray(0, count);
    };
    const head = at(0, 64);
    const known =
      head.length === 64 &&
      head.readUInt32BE(0) === 0x7f454c46 &&
      head[4] === 2 &&
      head[5] === 1 &&
      head.readUInt16LE(18) === MACHINE_X86_64;
    return known ? readDynamic(at, head) : undefined;
  } finally {
    closeSync(fd);
  }
}

function readDynamic(at: (offset: number, length: number) => Buffer, head: Buffer): ElfDependencies {
  const programHeaders = Number(head.readBigUInt64LE(32));
  const entrySize = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  const segments = Array.from({ length: count }, (_, i) => {
    const entry = at(programHeaders + i * entrySize, 56);
    const word = (offset: number): number => Number(entry.readBigUInt64LE(offset));
    return { type: entry.readUInt32LE(0), offset: word(8), address: word(16), size: word(32) };
  });
  const cString = (offset: number): string => {
    const bytes = at(offset, MAX_STRING);
    const end = bytes.indexOf(0);
    return bytes.subarray(0, end < 0 ? bytes.length : end).toString("utf8");
  };
  const interp = segments.find(({ type }) => type === PT_INTERP);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  const interpreter = interp === undefined ? undefined : cString(interp.offset);
  if (dynamic === undefined) return { interpreter, needed: [], searchPath: [] };
  const table = at(dynamic.offset, dynamic.size);
  const entries: { tag: number; value: number }[] = [];
  for (let i = 0; i + 16 <= table.length; i += 16) {
    const tag = Number(table.readBigInt64LE(i));
    if (tag === DT.NULL) break;
    entries.push({ tag, value: Number(table.readBigUInt64LE(i + 8)) });
  }
  const strings = entries.find(({ tag }) => tag === DT.STRTAB)?.value ?? 0;
  // The table is given by its address in memory; the segment that is loaded there tells its place in the file.
  const home = segments.find(
    ({ type, address, size }) => type === PT_LOAD && strings >= address && strings < address + size,
  );
  const base = home === undefined ? strings : strings - home.address + home.offset;
  const text = (tag: number): string[] =>
    entries.filter((entry) => entry.tag === tag).map(({ value }) => cString(base + value));
  const searchPath = [...text(DT.RPATH), ...text(DT.RUNPATH)]
    .flatMap((list) => list.split(":"))
    .filter((dir) => dir !== "");
  return { interpreter, needed: text(DT.NEEDED), searchPath };
}
