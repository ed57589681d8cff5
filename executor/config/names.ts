import { z } from "zod";
import { FIELD_NAMES, type FieldName, fieldShape } from "./schema";

/** Names a configuration file: it can not stand in the file itself. */
export const FILE_FLAG = "--config";
export const FILE_VARIABLE = "ASSAY_CONFIG";
export const DEFAULT_FILE = "assay.config.json";
export const VARIABLE_PREFIX = "ASSAY_";
/** Variables of the test runner; a daemon that a test starts inherits them, and they mean nothing to it. */
export const TEST_PREFIX = "ASSAY_TEST_";

const words = (name: string): string[] => name.split(/(?=[A-Z])/).map((word) => word.toLowerCase());

/** `minRewardWei` -> `--min-reward-wei` */
export function flagOf(name: FieldName): string {
  return `--${words(name).join("-")}`;
}

/** `minRewardWei` -> `ASSAY_MIN_REWARD_WEI` */
export function variableOf(name: FieldName): string {
  return VARIABLE_PREFIX + words(name).join("_").toUpperCase();
}

export const FIELD_BY_FLAG: ReadonlyMap<string, FieldName> = new Map(FIELD_NAMES.map((name) => [flagOf(name), name]));
export const FIELD_BY_VARIABLE: ReadonlyMap<string, FieldName> = new Map(
  FIELD_NAMES.map((name) => [variableOf(name), name]),
);

/** The default as the schema holds it, or undefined where the field has none of its own. */
export function defaultOf(name: FieldName): unknown {
  const field = fieldShape[name];
  return field instanceof z.ZodDefault ? field.def.defaultValue : undefined;
}

export function isBoolean(name: FieldName): boolean {
  return typeof defaultOf(name) === "boolean";
}

export function isList(name: FieldName): boolean {
  return Array.isArray(defaultOf(name));
}
