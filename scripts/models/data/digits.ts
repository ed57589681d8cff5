import { gunzipSync } from "node:zlib";

/** An 8x8 picture with grey levels 0 to 16, row by row, and the digit it shows. */
export interface DigitImage {
  readonly pixels: readonly number[];
  readonly digit: number;
}

const PIXELS = 64;

/** @throws Error if a row has not 64 pixels of 0..16 and a digit */
export function parseDigits(gzipped: Uint8Array): DigitImage[] {
  const lines = gunzipSync(gzipped).toString("utf8").trim().split("\n");
  return lines.map((line, index) => {
    const numbers = line.split(",").map(Number);
    const pixels = numbers.slice(0, PIXELS);
    const digit = numbers[PIXELS];
    const isImage = numbers.length === PIXELS + 1 && pixels.every((pixel) => Number.isInteger(pixel) && pixel >= 0 && pixel <= 16);
    if (!isImage || digit === undefined || !(digit >= 0 && digit <= 9)) throw new Error(`digits: row ${index + 1} is malformed`);
    return { pixels, digit };
  });
}
