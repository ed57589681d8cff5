/** Words that name a secret wherever they stand in a field's name. */
const SECRET_NAME = /(private.?key|password|passphrase|secret|mnemonic|authorization|cookie|api.?key|seed.?phrase)/i;
const LONGEST_TEXT = 512;
/** A 32-byte value as hex is an id; anything longer is data. */
const LONGEST_HEX = 66;
const DEPTH = 5;
const MOST_ITEMS = 64;

/**
 * Fields as they may be written to a log that others read: secrets by name become `***`, byte strings and long text
 * become their length. What came over the network never fills a log, and what a model was asked never stands in one.
 */
export function safeFields(value: unknown, depth = 0): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "string") return safeText(value);
  if (typeof value !== "object" || value === null) return typeof value === "function" ? "[function]" : value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value.toISOString();
  if (depth >= DEPTH) return "[deeper]";
  if (value instanceof Error) return safeError(value, depth);
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map((item) => safeFields(item, depth + 1));
  const entries =
    value instanceof Map ? [...value].map(([key, item]) => [String(key), item] as const) : Object.entries(value);
  return Object.fromEntries(
    entries
      .slice(0, MOST_ITEMS)
      .map(([key, item]) => [key, SECRET_NAME.test(key) && item !== undefined ? "***" : safeFields(item, depth + 1)]),
  );
}

function safeText(text: string): string {
  if (/^0x[0-9a-f]*$/i.test(text) && text.length > LONGEST_HEX) return `[${(text.length - 2) / 2} bytes]`;
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}… [${text.length} characters]` : text;
}

/** Code and context are the API of an error; its message is for people and is cut like any text. */
function safeError(error: Error, depth: number): Record<string, unknown> {
  const { code, context, retry } = error as { code?: unknown; context?: unknown; retry?: unknown };
  return {
    type: error.name,
    message: safeText(error.message),
    ...(code === undefined ? {} : { code: safeFields(code, depth + 1) }),
    ...(context === undefined ? {} : { context: safeFields(context, depth + 1) }),
    ...(retry === undefined ? {} : { retry: safeFields(retry, depth + 1) }),
    stack: error.stack
      ?.split("\n")
      .slice(1, 6)
      .map((line) => line.trim()),
    ...(error.cause === undefined ? {} : { cause: safeFields(error.cause, depth + 1) }),
  };
}
