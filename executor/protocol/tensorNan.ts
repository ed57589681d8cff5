import type { Tensor } from "./tensor";
import { DType } from "./tensorType";
import { alignedBytes } from "./tensorValues";

/** A scan of the words of a float payload: the index of the first NaN at or after `from` with other bits, or -1. */
type Scan = (words: Uint32Array | Uint16Array, from: number) => number;

const FLOAT_NAN = 0x7fc00000;
const HALF_NAN = 0x7e00;
const DOUBLE_NAN_HIGH = 0x7ff80000;

const scanFloat: Scan = (words, from) => {
  for (let i = from; i < words.length; i++) {
    const bits = words[i] as number;
    if ((bits & 0x7fffffff) > 0x7f800000 && bits !== FLOAT_NAN) return i;
  }
  return -1;
};

const scanHalf: Scan = (words, from) => {
  for (let i = from; i < words.length; i++) {
    const bits = words[i] as number;
    if ((bits & 0x7fff) > 0x7c00 && bits !== HALF_NAN) return i;
  }
  return -1;
};

// A double is two words, low before high; indexes stay even.
const scanDouble: Scan = (words, from) => {
  for (let i = from; i < words.length; i += 2) {
    const low = words[i] as number;
    const high = words[i + 1] as number;
    const magnitude = high & 0x7fffffff;
    const isNan = magnitude > 0x7ff00000 || (magnitude === 0x7ff00000 && low !== 0);
    if (isNan && !(high === DOUBLE_NAN_HIGH && low === 0)) return i;
  }
  return -1;
};

/**
 * The tensor with every NaN replaced by the canonical quiet one (0x7fc00000, 0x7ff8000000000000, 0x7e00), as outputs
 * demand: which NaN an operator yields depends on the vector lane that computed it, so that the bits mean nothing and
 * would make two hashes of one answer. Returns the same object if nothing changes; never writes into the given one.
 */
export function canonicaliseNans(tensor: Tensor): Tensor {
  const found = firstOddNan(tensor);
  if (found === undefined || tensor.dtype === DType.string) return tensor;
  const data = new Uint8Array(tensor.data); // Not slice(): that of a Buffer shares memory.
  const words = floatWords(tensor.dtype, data) as Uint32Array | Uint16Array; // firstOddNan found floats in it.
  for (let i = found; i >= 0; i = scanOf(tensor.dtype)(words, i)) {
    if (tensor.dtype === DType.double) {
      words[i] = 0;
      words[i + 1] = DOUBLE_NAN_HIGH;
    } else {
      words[i] = tensor.dtype === DType.float ? FLOAT_NAN : HALF_NAN;
    }
  }
  return { ...tensor, data };
}

/** True if every NaN of the tensor is the canonical one; true for every type without NaNs. */
export function hasCanonicalNans(tensor: Tensor): boolean {
  return firstOddNan(tensor) === undefined;
}

function firstOddNan(tensor: Tensor): number | undefined {
  if (tensor.dtype === DType.string) return undefined;
  const words = floatWords(tensor.dtype, tensor.data);
  if (words === undefined) return undefined;
  const found = scanOf(tensor.dtype)(words, 0);
  return found < 0 ? undefined : found;
}

function scanOf(dtype: number): Scan {
  if (dtype === DType.float) return scanFloat;
  return dtype === DType.double ? scanDouble : scanHalf;
}

function floatWords(dtype: number, data: Uint8Array): Uint32Array | Uint16Array | undefined {
  if (dtype === DType.float16) {
    const bytes = alignedBytes(data, 2);
    return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  }
  if (dtype !== DType.float && dtype !== DType.double) return undefined;
  const bytes = alignedBytes(data, 4);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}
