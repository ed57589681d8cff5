/** A set-up step that could not be done; `hint` says in one sentence what the reader can do about it. */
export class SetupError extends Error {
  /** @param {{ message: string, hint: string, exitCode?: number }} init */
  constructor({ message, hint, exitCode = 1 }) {
    super(message);
    this.name = "SetupError";
    this.hint = hint;
    this.exitCode = exitCode;
  }
}

/** Prints an error the way every entry point does, and returns the exit code to end with. */
export function reportSetupError(error) {
  if (!(error instanceof SetupError)) {
    console.error(error);
    return 1;
  }
  console.error(`\nerror: ${error.message}`);
  if (error.hint !== "") console.error(`  what to do: ${error.hint}`);
  return error.exitCode;
}
