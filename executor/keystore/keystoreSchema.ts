import { z } from "zod";
import { AssayError } from "../domain/errors";

const hexOf = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-fA-F]{${2 * bytes}}$`));
const natural = (most: number) => z.number().int().min(1).max(most);

/**
 * Web3 Secret Storage, version 3, within bounds: cost parameters come out of the file and are spent before its MAC is checked,
 * so that a hostile one could ask for all memory there is (128 * N * r bytes).
 */
const scrypt = z
  .object({
    n: natural(2 ** 20),
    r: natural(32),
    p: natural(16),
    dklen: z.literal(32),
    salt: z.string().regex(/^([0-9a-fA-F]{2}){8,128}$/),
  })
  // RFC 7914, section 2: N is a power of two below 2^(128 r / 8). The example of the format's own definition breaks this.
  .refine(({ n, r }) => (n & (n - 1)) === 0 && n < 2 ** (16 * r) && 128 * n * r <= 2 ** 30);
const pbkdf2 = z.object({
  c: natural(10_000_000),
  prf: z.literal("hmac-sha256"),
  dklen: z.literal(32),
  salt: z.string().regex(/^([0-9a-fA-F]{2}){8,128}$/),
});
const cipher = {
  cipher: z.literal("aes-128-ctr"),
  cipherparams: z.object({ iv: hexOf(16) }),
  ciphertext: hexOf(32),
  mac: hexOf(32),
};

const keystore = z.object({
  version: z.literal(3),
  address: z
    .string()
    .regex(/^(0x)?[0-9a-fA-F]{40}$/)
    .optional(),
  crypto: z.discriminatedUnion("kdf", [
    z.object({ ...cipher, kdf: z.literal("scrypt"), kdfparams: scrypt }),
    z.object({ ...cipher, kdf: z.literal("pbkdf2"), kdfparams: pbkdf2 }),
  ]),
});

/** Some writers spell `Crypto`, as the first draft of the format did. */
function lowerKeys(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toLowerCase(), lowerKeys(inner)]));
}

/**
 * Checks the file's text and gives it back with only the fields that were checked.
 * @throws AssayError `KEYSTORE_MALFORMED`
 */
export function parseKeystore(text: string, path: string): string {
  const malformed = new AssayError({
    code: "KEYSTORE_MALFORMED",
    message: "this is not a keystore of version 3 within bounds",
    context: { path },
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw malformed;
  }
  const parsed = keystore.safeParse(lowerKeys(json));
  if (!parsed.success) throw malformed;
  return JSON.stringify(parsed.data);
}
