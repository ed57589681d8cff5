import { JOB_STATES, JOB_TRANSITIONS } from "../domain/job";
import { PIPE_STATES, PIPE_TRANSITIONS } from "../domain/pipe";

/**
 * The tables of states as triggers, so that no statement, whoever wrote it, can move a job or an item of PIPE along an edge that is not drawn.
 * Temporary: they belong to the connection, and an older table never lives on in the file.
 */
export function moveGuards(): readonly string[] {
  return [
    guard("jobs", "JOB_ILLEGAL_MOVE", JOB_STATES, JOB_TRANSITIONS),
    guard("pipe_items", "PIPE_ILLEGAL_MOVE", PIPE_STATES, PIPE_TRANSITIONS),
  ];
}

/** `refusal` is what a refused move says. SQLite hands it on as the text of a constraint error, which is a bug of ours and ends the transaction. */
function guard<S extends string>(
  table: string,
  refusal: string,
  states: readonly S[],
  transitions: Readonly<Record<S, readonly S[]>>,
): string {
  const edges = states.flatMap((from) => transitions[from].map((to) => `'${from}>${to}'`));
  return `CREATE TEMP TRIGGER ${table}_moves BEFORE UPDATE OF state ON main.${table}
    WHEN NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN (${edges.join(", ")})
    BEGIN SELECT RAISE(ABORT, '${refusal}'); END`;
}
