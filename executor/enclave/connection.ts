import type { Socket } from "node:net";
import { isAssayError } from "../domain/errors";
import { type Frame, FrameReader, type SectionTag } from "../protocol/frames";
import { EnclaveError } from "./errors";
import { type BodyOf, fromFrame, type Message, type MessageOf, toFrame } from "./image/messages";
import { writeFrame } from "./image/writeFrame";

/** Frames to and from a signer, whatever carries them. */
export interface SignerLink {
  send(frame: Frame): void;
  /** Set once, before anything is sent. */
  listen(onFrame: (frame: Frame) => void, onBreach: (error: unknown) => void): void;
  /** Resolves once with how the signer ended. */
  readonly ended: Promise<string>;
  kill(): void;
}

/** A link over a process's socket. */
export function socketLink(parts: {
  readonly channel: Socket;
  readonly ended: Promise<string>;
  readonly kill: () => void;
}): SignerLink {
  return {
    send: (frame) => writeFrame(parts.channel, frame),
    listen: (onFrame, onBreach) => {
      const reader = new FrameReader();
      parts.channel.on("data", (chunk: Buffer) => {
        try {
          for (const frame of reader.push(chunk)) onFrame(frame);
        } catch (error) {
          onBreach(error);
        }
      });
    },
    ended: parts.ended,
    kill: parts.kill,
  };
}

const REPLIES = ["hello", "configured", "loaded", "ran", "signed", "attested", "statusReply", "failed"] as const;
type Reply = Extract<Message, { readonly name: (typeof REPLIES)[number] }>;
type Question = "configure" | "load" | "run" | "sign" | "attest" | "status";
/** The reply that answers each question. */
interface ReplyOf {
  configure: "configured";
  load: "loaded";
  run: "ran";
  sign: "signed";
  attest: "attested";
  status: "statusReply";
}
const REPLY_OF: { readonly [Q in Question]: ReplyOf[Q] } = {
  configure: "configured",
  load: "loaded",
  run: "ran",
  sign: "signed",
  attest: "attested",
  status: "statusReply",
};

interface Pending {
  readonly expects: string;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: EnclaveError) => void;
}

/** Questions to a signer and their answers, many at a time. A reply that answers nothing, or breaks the protocol, ends the signer. */
export class SignerConnection {
  readonly #link: SignerLink;
  readonly #pending = new Map<number, Pending>();
  readonly hello: Promise<MessageOf<"hello">>;
  /** Resolves once with why there will be no more answers. */
  readonly ended: Promise<string>;
  #nextCall = 1;
  #over: string | undefined;
  #breach: string | undefined;

  constructor(link: SignerLink) {
    this.#link = link;
    let greet: (message: MessageOf<"hello">) => void = () => undefined;
    this.hello = new Promise((resolve) => {
      greet = resolve;
    });
    link.listen(
      (frame) => this.#receive(fromFrame(frame, REPLIES), greet),
      (error) => this.#break(isAssayError(error) ? error.code : String(error)),
    );
    this.ended = link.ended.then((how) => {
      this.#over = this.#breach ?? how;
      for (const { reject } of this.#pending.values()) reject(gone(this.#over));
      this.#pending.clear();
      return this.#over;
    });
  }

  get alive(): boolean {
    return this.#over === undefined && this.#breach === undefined;
  }

  /** @throws EnclaveError `ENCLAVE_GONE`, or `ENCLAVE_REFUSED` with the signer's reason in the context */
  ask<Q extends Question>(
    question: Q,
    body: Omit<BodyOf<Q>, "call">,
    sections: readonly (readonly [SectionTag, Uint8Array])[] = [],
  ): Promise<MessageOf<ReplyOf[Q]>> {
    if (!this.alive) return Promise.reject(gone(this.#over ?? this.#breach ?? ""));
    const call = this.#nextCall++;
    return new Promise((resolve, reject) => {
      // `#receive` compares the reply's name with `expects`, which the table ties to the question.
      this.#pending.set(call, {
        expects: REPLY_OF[question],
        resolve: resolve as unknown as (reply: Reply) => void,
        reject,
      });
      this.#link.send(toFrame(question, { ...body, call } as BodyOf<Q>, sections));
    });
  }

  kill(reason: string): void {
    this.#break(reason);
  }

  #receive(reply: Reply, greet: (message: MessageOf<"hello">) => void): void {
    if (reply.name === "hello") {
      greet(reply);
      return;
    }
    const pending = this.#pending.get(reply.body.call);
    this.#pending.delete(reply.body.call);
    if (pending === undefined) {
      this.#break("an answer that nobody asked for");
    } else if (reply.name === "failed") {
      const { reason, detail } = reply.body;
      const message = `the signer refused: ${reason}: ${detail}`;
      // A probe fails when its runner is killed, which says nothing of the next one.
      const retry = reason === "PROBE_FAILED" ? "later" : "never";
      pending.reject(new EnclaveError({ code: "ENCLAVE_REFUSED", message, context: { reason, detail }, retry }));
    } else if (reply.name === pending.expects) {
      pending.resolve(reply);
    } else {
      pending.reject(gone("it broke the protocol"));
      this.#break("an answer to another question");
    }
  }

  #break(reason: string): void {
    this.#breach ??= reason;
    this.#link.kill();
  }
}

function gone(how: string): EnclaveError {
  return new EnclaveError({
    code: "ENCLAVE_GONE",
    message: `the enclave has ended: ${how}`,
    context: { how },
    retry: "later",
  });
}
