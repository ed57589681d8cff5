/** What a measured value is held against; a row without a goal is reported only. */
export type Goal = { readonly atMost: number } | { readonly atLeast: number };

export interface BenchRow {
  /** The name in `--json`, `<group>.<what>`. */
  readonly key: string;
  readonly what: string;
  readonly unit: string;
  readonly goal?: Goal;
}

/**
 * A set of values that are measured together. Each group is a file of this folder; `groups.ts` lists them.
 * `measure` gives one finite number for every row, by key, and prints nothing that matters to stdout.
 */
export interface BenchGroup {
  readonly name: string;
  readonly rows: readonly BenchRow[];
  readonly measure: () => Promise<Readonly<Record<string, number>>>;
}

export function meets(goal: Goal, value: number): boolean {
  return "atMost" in goal ? value <= goal.atMost : value >= goal.atLeast;
}
