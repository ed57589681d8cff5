import { JOB_STATES, JOB_TRANSITIONS } from "../domain/job";

/** What a refused move says. SQLite hands it on as the text of a constraint error, which is a bug of ours and ends the transaction. */
const ILLEGAL_MOVE = "JOB_ILLEGAL_MOVE";

/**
 * The table of job states as a trigger, so that no statement, whoever wrote it, can move a job along an edge that is not drawn.
 * Temporary: it belongs to the connection, and an older table never lives on in the file.
 */
export function moveGuard(): string {
  const edges = JOB_STATES.flatMap((from) => JOB_TRANSITIONS[from].map((to) => `'${from}>${to}'`));
  return `CREATE TEMP TRIGGER job_moves BEFORE UPDATE OF state ON main.jobs
    WHEN NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN (${edges.join(", ")})
    BEGIN SELECT RAISE(ABORT, '${ILLEGAL_MOVE}'); END`;
}
