/** One thing that was looked at. `null` means that it could not be looked at here, which is never a pass. */
export interface Check {
  readonly name: string;
  readonly ok: boolean | null;
  readonly detail: string;
}

/**
 * `verified`: every check passed. `failed`: one did not. `incomplete`: none failed, but one that must be made could not be
 * (a request that is still open, calldata that can not be found).
 */
export type Verdict = "verified" | "failed" | "incomplete";

/** Checks that need more than every node and every caller has: old state, the model's bytes. They may stay unmade. */
const MAY_STAY_UNMADE: ReadonlySet<string> = new Set(["payment.credited", "model.bytes"]);

/** Collects rows in the order in which a reader follows the argument. */
export class Checks {
  readonly #rows: Check[] = [];

  get rows(): readonly Check[] {
    return this.#rows;
  }

  get verdict(): Verdict {
    if (this.#rows.some(({ ok }) => ok === false)) return "failed";
    return this.#rows.some(({ ok, name }) => ok === null && !MAY_STAY_UNMADE.has(name)) ? "incomplete" : "verified";
  }

  /** Adds a row and gives its outcome back, so that what depends on it can be left out. */
  that(name: string, ok: boolean | null, detail: string): boolean {
    this.#rows.push({ name, ok, detail });
    return ok === true;
  }

  /** A row for equality; both values are shown where they differ. */
  same(
    name: string,
    values: { readonly expected: string | number | bigint; readonly actual: string | number | bigint },
  ): boolean {
    const { expected, actual } = values;
    return this.that(
      name,
      expected === actual,
      expected === actual ? String(actual) : `expected ${expected}, found ${actual}`,
    );
  }
}
