import { ProtocolError } from "../protocolError";
import { type DerReader, Tag } from "./der";

/**
 * A time of RFC 5280, section 4.1.2.5, as seconds since 1970. The tag alone says which of the two forms it is, never the length; both are to
 * the second and in UTC. A day that its month does not have is refused: JavaScript's own calendar would move it into the next month.
 * @throws ProtocolError `X509_TIME_INVALID`, `DER_…`
 */
export function readTime(reader: DerReader): bigint {
  const at = reader.offset;
  const generalized = reader.peek() === Tag.generalizedTime;
  const text = Buffer.from(reader.take(generalized ? Tag.generalizedTime : Tag.utcTime)).toString("latin1");
  const found = (generalized ? /^(\d{4})(\d{10})Z$/ : /^(\d{2})(\d{10})Z$/).exec(text);
  const seconds = found === null ? undefined : secondsOf(yearOf(Number(found[1]), generalized), String(found[2]));
  if (seconds === undefined) {
    throw new ProtocolError({
      code: "X509_TIME_INVALID",
      message: "not a second of the calendar in one of the two forms",
      context: { offset: at },
    });
  }
  return seconds;
}

/** Two digits mean 1950 to 2049. */
function yearOf(digits: number, generalized: boolean): number {
  if (generalized) return digits;
  return digits < 50 ? 2000 + digits : 1900 + digits;
}

/** Undefined if there is no such second, or it is before 1970. */
function secondsOf(year: number, rest: string): bigint | undefined {
  const [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map((i) => Number(rest.slice(i, i + 2))) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (year < 1970) return undefined;
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // Whatever is out of its range carries over, and then reads differently.
  const same =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return same ? BigInt(date.getTime() / 1000) : undefined;
}
