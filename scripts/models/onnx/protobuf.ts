/** Protobuf by hand: a message is the concatenation of its fields, and a field is its bytes. Absent is an empty array. */
export type Field = Uint8Array;

export function message(...fields: readonly Field[]): Uint8Array {
  return Buffer.concat(fields);
}

/** A varint in its shortest form; negative numbers take ten bytes, as int32 and int64 do on the wire. */
export function varint(value: bigint | number): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    out.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(out);
}

export function integerField(number: number, value: bigint | number): Field {
  return Buffer.concat([varint(number * 8), varint(value)]);
}

export function floatField(number: number, value: number): Field {
  const out = Buffer.alloc(4);
  out.writeFloatLE(value);
  return Buffer.concat([varint(number * 8 + 5), out]);
}

export function bytesField(number: number, value: Uint8Array): Field {
  return Buffer.concat([varint(number * 8 + 2), varint(value.length), value]);
}

export function textField(number: number, value: string): Field {
  return bytesField(number, Buffer.from(value, "utf8"));
}

/** A repeated field of integers, one tag for all of them. */
export function packedField(number: number, values: readonly (bigint | number)[]): Field {
  return bytesField(number, Buffer.concat(values.map(varint)));
}
