import { AssayError } from "../domain/errors";

export interface OrderlyStop {
  /** Longest wait for what is in work. */
  readonly boundMs: number;
  /** The same for a node that is to take the transactions which drain the keys; they are sent, and their landing is not waited for. */
  readonly chainMs: number;
  /** From now on nothing new is taken. */
  readonly leave: () => void;
  /** Resolves when what is in work has its answer stored. */
  readonly finished: () => Promise<void>;
  /** Sends answers that wait; resolves when none is left that could be sent now. */
  readonly posted: () => Promise<void>;
  /** Tells the chain which keys end. */
  readonly drain: () => Promise<void>;
  /** Told of what did not work; the stop goes on. */
  readonly onError: (error: unknown) => void;
}

/**
 * What a stop does before anything closes: takes nothing new, finishes what is in work, posts it, and drains the keys. Each step is bounded: a
 * run that hangs or a chain that is away must not keep a machine from shutting down. What a bound cuts off is lost to nobody, since every
 * answer and transaction is in the store, and a restart takes it up.
 * @returns false if the chain did not answer, so that nothing else need wait for it
 */
export async function stopInOrder(stop: OrderlyStop): Promise<boolean> {
  stop.leave();
  const work = async (): Promise<void> => {
    await stop.finished();
    await stop.posted();
  };
  await within(stop.boundMs, "what is in work", work, stop.onError);
  return within(stop.chainMs, "draining the keys", stop.drain, stop.onError);
}

async function within(
  ms: number,
  what: string,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(lateError(what, ms)), ms);
  });
  const running = work();
  // What fails after its bound was told of already.
  running.catch(() => undefined);
  try {
    await Promise.race([running, late]);
    return true;
  } catch (error) {
    onError(error);
    return false;
  } finally {
    clearTimeout(timer);
  }
}

const lateError = (what: string, ms: number): AssayError =>
  new AssayError({
    code: "STOP_BOUND_REACHED",
    message: `${what} took longer than a stop may; a restart takes it up (drainSeconds)`,
    context: { what, ms },
    retry: "later",
  });
