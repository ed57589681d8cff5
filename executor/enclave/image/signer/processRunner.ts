import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { isAssayError } from "../../../domain/errors";
import { type Frame, FrameReader } from "../../../protocol/frames";
import { writeFrame } from "../writeFrame";
import type { Exchanged, RunnerFactory, RunnerFault, RunnerPort } from "./runnerPort";

/** What a runner is started from; the same for every runner of an enclave, and measured. */
export interface RunnerImage {
  readonly nodePath: string;
  readonly nodeFlags: readonly string[];
  readonly runnerPath: string;
  readonly onnxruntimePath: string;
  readonly koffiPath: string;
}

const CHANNEL = 3;

/**
 * Frames that may lie in the runner's socket: the one it works on, and the next, so that a large input is there when the runner comes to it.
 * More would only fill the socket's buffer, and would tell a runner that was taken over more than it needs.
 */
const SENT_AHEAD = 2;

interface Waiting {
  readonly frame: Frame | undefined;
  readonly timeoutMs: number;
  readonly resolve: (result: Exchanged) => void;
  sent: boolean;
}

/** A runner in a process of its own, spoken to over one socket pair. Anything unexpected from it is its end. */
class ProcessRunner implements RunnerPort {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  /** In the order of the answers; the first is what the runner works on. */
  readonly #queue: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #early: Frame | undefined;
  #greeted = false;
  #end: RunnerFault | undefined;

  constructor(child: ChildProcess, maxReplyBytes: number) {
    this.#child = child;
    this.#reader = new FrameReader(maxReplyBytes);
    this.#socket = child.stdio[CHANNEL] as Socket; // "pipe" in the list of stdio makes it a socket.
    this.#socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on("error", (error) => this.#fail({ code: "RUNNER_DIED", detail: `socket: ${error.message}` }));
    this.#socket.on("close", () => this.#fail({ code: "RUNNER_DIED", detail: "the runner closed its socket" }));
    child.on("error", (error) => this.#fail({ code: "RUNNER_DIED", detail: `spawn: ${error.message}` }));
    child.on("exit", (code, signal) =>
      this.#fail({ code: "RUNNER_DIED", detail: `the runner ended by ${signal ?? `code ${code}`}` }),
    );
  }

  get alive(): boolean {
    return this.#end === undefined;
  }

  ready(timeoutMs: number): Promise<Exchanged> {
    if (this.#early === undefined) return this.#ask(undefined, timeoutMs);
    const frame = this.#early;
    this.#early = undefined;
    return Promise.resolve({ ok: true, frame });
  }

  exchange(frame: Frame, timeoutMs: number): Promise<Exchanged> {
    return this.#ask(frame, timeoutMs);
  }

  /** For what it has answered already; what it works on by now has no part in it. */
  kill(reason: string): void {
    this.#fail({ code: "RUNNER_DIED", detail: reason }, false);
  }

  #ask(frame: Frame | undefined, timeoutMs: number): Promise<Exchanged> {
    const end = this.#end;
    if (end !== undefined) return Promise.resolve({ ok: false, fault: end, reached: false });
    return new Promise((resolve) => {
      this.#queue.push({ frame, timeoutMs, resolve, sent: false });
      if (this.#queue.length === 1) this.#watch();
      this.#sendAhead();
    });
  }

  #sendAhead(): void {
    for (const waiting of this.#queue.slice(0, SENT_AHEAD)) {
      if (waiting.sent) continue;
      waiting.sent = true;
      if (waiting.frame !== undefined) writeFrame(this.#socket, waiting.frame);
    }
  }

  /** The clock runs for the first of the queue alone: what waits behind a slow run is not slow itself. */
  #watch(): void {
    clearTimeout(this.#timer);
    const [first] = this.#queue;
    if (first === undefined) return;
    const { timeoutMs } = first;
    const expire = (): void => this.#fail({ code: "RUN_TIMEOUT", detail: `no answer within ${timeoutMs} ms` });
    this.#timer = setTimeout(expire, timeoutMs);
  }

  #receive(chunk: Buffer): void {
    if (this.#end !== undefined) return;
    try {
      for (const frame of this.#reader.push(chunk)) this.#take(frame);
    } catch (error) {
      if (!isAssayError(error)) throw error;
      this.#fail({ code: "RUNNER_DIED", detail: `it broke the protocol: ${error.code}` });
    }
  }

  #take(frame: Frame): void {
    if (this.#end !== undefined) return;
    const answered = this.#queue.shift();
    if (answered !== undefined) {
      this.#watch();
      this.#sendAhead();
      answered.resolve({ ok: true, frame });
    }
    // The first frame may come before anybody asked whether the runner is ready; a second unasked one is a violation.
    else if (this.#early === undefined && !this.#greeted) this.#early = frame;
    else this.#fail({ code: "RUNNER_DIED", detail: "it broke the protocol: a frame that nobody asked for" });
    this.#greeted = true;
  }

  #fail(fault: RunnerFault, firstIsToBlame = true): void {
    if (this.#end !== undefined) return;
    this.#end = fault;
    clearTimeout(this.#timer);
    // SIGKILL, because onnxruntime can not be cancelled and a hostile runner would ignore anything else.
    this.#child.kill("SIGKILL");
    this.#socket.destroy();
    for (const [i, { resolve }] of this.#queue.splice(0).entries())
      resolve({ ok: false, fault, reached: firstIsToBlame && i === 0 });
  }
}

/** Runners as children of the signer, inside the same sandbox; each adds its own stricter filter on itself. */
export function processRunners(image: RunnerImage): RunnerFactory {
  return ({ memoryBytes, maxReplyBytes }) => {
    const args = [...image.nodeFlags, image.runnerPath, image.onnxruntimePath, image.koffiPath, String(memoryBytes)];
    // The signer's environment holds nothing but the measured variables. Descriptors 0-2 stay open, else node opens /dev/null for writing.
    const child = spawn(image.nodePath, args, { stdio: ["inherit", "inherit", "inherit", "pipe"] });
    return new ProcessRunner(child, maxReplyBytes);
  };
}
