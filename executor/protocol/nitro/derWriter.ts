/** DER (X.690, section 10), written: values are whole, head included. */

const lengthOf = (size: number): number[] =>
  size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];

export const der = (tag: number, ...content: Uint8Array[]): Uint8Array => {
  const body = Buffer.concat(content);
  return Buffer.concat([Uint8Array.of(tag, ...lengthOf(body.length)), body]);
};
export const sequence = (...content: Uint8Array[]): Uint8Array => der(0x30, ...content);
export const set = (...content: Uint8Array[]): Uint8Array => der(0x31, ...content);
export const octets = (...content: Uint8Array[]): Uint8Array => der(0x04, ...content);
export const bitString = (unused: number, ...content: Uint8Array[]): Uint8Array =>
  der(0x03, Uint8Array.of(unused), ...content);
export const text = (tag: number, value: string): Uint8Array => der(tag, Buffer.from(value, "latin1"));
export const raw = (hex: string): Uint8Array => Buffer.from(hex, "hex");

/** A number that is not negative, as the shortest INTEGER. */
export function integer(value: bigint): Uint8Array {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return der(0x02, (bytes[0] as number) >= 0x80 ? Buffer.concat([Uint8Array.of(0), bytes]) : bytes);
}
