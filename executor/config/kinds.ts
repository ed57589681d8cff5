import { isIP } from "node:net";
import { z } from "zod";
import { address } from "../domain/ids";

/**
 * The kinds of values. Each accepts the string that a flag or a variable gives and the JSON value that a file gives,
 * so that one schema serves every source. Messages never contain the value: it may be a secret.
 */

/** Fails the parse at this value. */
function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: "custom", message });
  return z.NEVER;
}

export const text = z.string().min(1, "must not be empty").max(4096, "is too long");

export function oneOf<const T extends readonly [string, ...string[]]>(names: T) {
  return z.enum(names, { error: `must be one of ${names.join(", ")}` });
}

/** A whole number in decimal digits. */
export function whole(min: number, max: number) {
  return z.union([z.number(), z.string()]).transform((value, context): number => {
    const number = typeof value === "number" ? value : /^-?\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (!Number.isSafeInteger(number)) return refuse(context, "must be a whole number");
    if (number < min || number > max) return refuse(context, `must be from ${min} to ${max}`);
    return number;
  });
}

export const yesNo = z.union([z.boolean(), z.string()]).transform((value, context): boolean => {
  if (typeof value === "boolean") return value;
  const word = value.toLowerCase();
  if (["true", "yes", "1", "on"].includes(word)) return true;
  if (["false", "no", "0", "off"].includes(word)) return false;
  return refuse(context, "must be true or false");
});

/** Several values: a JSON array, a repeated flag, or one string with commas. */
export function listOf<T extends z.ZodType<unknown, string>>(item: T, limits: { min: number; max: number }) {
  return z
    .union([z.array(z.string()), z.string()])
    .transform((value) =>
      (typeof value === "string" ? [value] : value)
        .flatMap((part) => part.split(","))
        .map((part) => part.trim())
        .filter((part) => part !== ""),
    )
    .pipe(z.array(item).min(limits.min, `needs at least ${limits.min}`).max(limits.max, `takes at most ${limits.max}`))
    .refine((values) => new Set(values).size === values.length, "names the same value twice");
}

function urlOf(protocols: readonly string[]) {
  return text.transform((value, context): string => {
    if (!URL.canParse(value))
      return refuse(context, `must be an address that begins with ${protocols.map((p) => `${p}//`).join(" or ")}`);
    if (!protocols.includes(new URL(value).protocol))
      return refuse(context, `must begin with ${protocols.map((p) => `${p}//`).join(" or ")}`);
    return value;
  });
}
export const httpUrl = urlOf(["http:", "https:"]);
export const wsUrl = urlOf(["ws:", "wss:"]);

const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
};

/** Bytes as a number, or with a unit: `512MiB`, `1.5GiB`, `200MB`. */
export function size(min: number, max: number) {
  return z.union([z.number(), z.string()]).transform((value, context): number => {
    const match = /^(\d{1,15}(?:\.\d{1,3})?)\s*([a-z]*)$/i.exec(String(value));
    const unit = SIZE_UNITS[(match?.[2] ?? "?").toLowerCase()];
    if (match === null || unit === undefined) return refuse(context, "must be a size such as 512MiB");
    const bytes = Math.round(Number(match[1]) * unit);
    if (bytes < min || bytes > max) return refuse(context, `must be from ${min} to ${max} bytes`);
    return bytes;
  });
}

/** The value of a decimal in units of 10^-decimals, or undefined if it has more digits than fit: money is never rounded. */
export function fixedPoint(value: string, decimals: number): bigint | undefined {
  const match = /^(\d{1,40})(?:\.(\d{1,40}))?$/.exec(value);
  const fraction = (match?.[2] ?? "").replace(/0+$/, "");
  if (match === null || fraction.length > decimals) return undefined;
  return BigInt(`${match[1]}${fraction.padEnd(decimals, "0")}`);
}

const MONEY_DECIMALS: Readonly<Record<string, number>> = { "": 0, wei: 0, gwei: 9, eth: 18, ether: 18 };

/** Wei as digits, or with a unit: `0.01eth`, `2gwei`. A JSON number must be exact. */
export const wei = z.union([z.number().int().safe(), z.bigint(), z.string()]).transform((value, context): bigint => {
  const match = /^([\d.]+)\s*([a-z]*)$/i.exec(String(value));
  const decimals = MONEY_DECIMALS[(match?.[2] ?? "?").toLowerCase()];
  const amount = match === null || decimals === undefined ? undefined : fixedPoint(match[1] ?? "", decimals);
  if (amount === undefined) return refuse(context, "must be an amount such as 1000000, 2gwei or 0.01eth");
  if (amount >= 1n << 96n) return refuse(context, "must be below 2^96 wei");
  return amount;
});

/** Gwei with up to nine decimals, kept as the exact decimal string. */
export const gwei = z.union([z.number(), z.string()]).transform((value, context): string => {
  const amount = fixedPoint(String(value), 9);
  if (amount === undefined || amount === 0n || amount > 10n ** 15n)
    return refuse(context, "must be gwei above 0, with at most nine decimals");
  return String(value);
});

export const account = z.string().transform((value, context) => {
  try {
    return address(value);
  } catch {
    return refuse(context, "must be 0x and 40 hex digits");
  }
});

/** A raw secp256k1 key; whether it is in the curve's range is checked where it is used. */
export const rawKey = z.string().regex(/^0x[0-9a-fA-F]{64}$/, "must be 0x and 64 hex digits");

export const host = text.refine(
  (value) => isIP(value) !== 0 || /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(value),
  "must be an IP address or a host name",
);

/** True for addresses that only this machine reaches (RFC 1122 3.2.1.3, RFC 4291 2.5.3). */
export function isLoopback(name: string): boolean {
  return name === "localhost" || name === "::1" || (isIP(name) === 4 && name.startsWith("127."));
}
