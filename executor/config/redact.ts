import type { LoadedConfig } from "./loadConfig";
import { FIELD_NAMES, type FieldName, metaOf, type Source } from "./schema";

export const HIDDEN = "***";

/**
 * Scheme and host of an address; path, query and user become `***`, because providers put access keys into each of them.
 * What is not an address is hidden whole.
 */
export function redactUrl(value: string): string {
  if (!URL.canParse(value)) return HIDDEN;
  const url = new URL(value);
  const user = url.username === "" && url.password === "" ? "" : `${HIDDEN}@`;
  const rest = url.pathname.length > 1 || url.search !== "" || url.hash !== "" ? `/${HIDDEN}` : "";
  return `${url.protocol}//${user}${url.host}${rest}`;
}

/** The value as text for people, with nothing secret in it; undefined if there is no value. */
export function printValue(name: FieldName, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const { secret } = metaOf(name);
  if (secret === "value") return HIDDEN;
  const parts = (Array.isArray(value) ? value : [value]).map(String);
  return (secret === "url" ? parts.map(redactUrl) : parts).join(",");
}

export interface PrintedField {
  readonly name: FieldName;
  /** undefined: no value was given and there is no default. */
  readonly value: string | undefined;
  readonly source: Source;
}

/** Every field as `assay config` prints it. */
export function printConfig(loaded: LoadedConfig): PrintedField[] {
  return FIELD_NAMES.map((name) => ({
    name,
    value: printValue(name, loaded.config[name]),
    source: loaded.sources[name],
  }));
}
