/**
 * What a skipped test would have needed.
 * `part`: something of the machine (bubblewrap, anvil, a kernel feature); in CI such a skip is a failure, because CI installs the parts.
 * `data`: training data that may not be shipped with the clone; it stays a skip everywhere.
 */
export type MissingThing = "part" | "data";

interface SkipNote {
  readonly missing: MissingThing;
  readonly reason: string;
}

/**
 * Skips the running test (or, in a `before` hook, all tests of its suite) and says why. The only way to skip: a plain
 * `this.skip()` carries no reason, and the runner counts it as a failure.
 */
export function skipTest(context: Mocha.Context, missing: MissingThing, reason: string): never {
  const note: SkipNote = { missing, reason };
  const running = context.test as (Mocha.Runnable & { type?: string; assaySkip?: SkipNote }) | undefined;
  if (running !== undefined) {
    running.assaySkip = note;
    if (running.type === "hook") running.parent?.eachTest((test) => Object.assign(test, { assaySkip: note }));
  }
  return context.skip();
}
