import * as z from "zod/mini";
import { type Address, address, type Hex32, hex32 } from "../../domain/ids";
import { type Frame, FrameError, FrameType, SectionTag } from "../../protocol/frames";

/** Brands come from the domain's own parsers, so that hex is lower case and has its length. */
const hex = z.pipe(
  z.string().check(z.regex(/^0x[0-9a-f]{64}$/)),
  z.transform((value): Hex32 => hex32(value)),
);
const account = z.pipe(
  z.string().check(z.regex(/^0x[0-9a-f]{40}$/)),
  z.transform((value): Address => address(value)),
);
const seconds = z.int().check(z.nonnegative(), z.maximum(2 ** 40));
const big = z.pipe(
  z.string().check(z.regex(/^(0|[1-9][0-9]{0,77})$/)),
  z.transform((value) => BigInt(value)),
);
const count = z.int().check(z.nonnegative());
/** The number by which a reply finds its question; the supervisor counts. */
const call = z.int().check(z.nonnegative(), z.maximum(2 ** 48));
const span = { chainNow: seconds, notAfter: seconds };
const text = z.string().check(z.maxLength(2_000));

/** What keeps the image's behaviour within bounds; part of what the operator configures, none of it measured. */
export const limitsSchema = z.strictObject({
  maxRunners: z.int().check(z.positive(), z.maximum(64)),
  maxQueuePerRunner: z.int().check(z.positive()),
  loadTimeoutMs: z.int().check(z.positive()),
  runTimeoutMs: z.int().check(z.positive()),
  maxOutputBytes: z.int().check(z.positive(), z.maximum(60 * 2 ** 20)),
  runnerMemoryBytes: z.int().check(z.positive()),
  recordCapacity: z.int().check(z.positive()),
});
export type EnclaveLimits = z.infer<typeof limitsSchema>;

const failure = z.strictObject({
  kind: z.literal("failure"),
  code: z.enum([
    "RUNNER_DIED",
    "RUN_TIMEOUT",
    "ENCLAVE_BUSY",
    "MODEL_UNAVAILABLE",
    "SIGNER_RECORD_FULL",
    "ALREADY_SIGNED_OTHER",
    "ABORTED",
  ]),
  detail: text,
  retryable: z.boolean(),
});
const statementTimes = { issuedAt: seconds, expiresAt: seconds };

/**
 * An input or output as onnxruntime itself sees it: `type` is the ONNX number, -1 a free dimension. A hostile model makes it infer any
 * dimension, such as 2^62; that is the model's doing and not the runner's, so it is judged with the model.
 */
const metadata = z.strictObject({ name: z.string(), type: count, dims: z.array(z.number()) });
export type RuntimeMetadata = z.infer<typeof metadata>;

/** A message: the number of its frame, the fields of its body, the sections beside it (`?` = may be absent). */
const MESSAGES = {
  hello: {
    type: FrameType.hello,
    body: z.strictObject({ node: text, tests: z.record(z.string(), text) }),
    sections: [],
  },
  configure: {
    type: FrameType.configure,
    body: z.strictObject({
      call,
      chainId: big,
      registry: account,
      hub: account,
      operator: account,
      payout: account,
      endpoint: z.string().check(z.maxLength(1_000)),
      level: z.int().check(z.minimum(0), z.maximum(3)),
      pcr0: z.string().check(z.regex(/^0x[0-9a-f]{96}$/)),
      limits: limitsSchema,
    }),
    sections: [],
  },
  configured: {
    type: FrameType.configured,
    body: z.strictObject({ call, signer: account, runtimeProfile: hex, runnerTests: z.record(z.string(), text) }),
    sections: [SectionTag.publicKey, SectionTag.keyConfig],
  },
  load: { type: FrameType.load, body: z.strictObject({ call, modelHash: hex }), sections: [SectionTag.model] },
  loaded: {
    type: FrameType.loaded,
    body: z.strictObject({
      call,
      outcome: z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("admitted") }),
        z.strictObject({ kind: z.literal("rejected"), reason: text, detail: text }),
        failure,
      ]),
    }),
    sections: [],
  },
  run: {
    type: FrameType.run,
    body: z.strictObject({
      call,
      requestId: hex,
      requester: account,
      modelHash: hex,
      contextRoot: hex,
      feeWei: big,
      ...span,
    }),
    sections: [SectionTag.input],
  },
  ran: {
    type: FrameType.ran,
    body: z.strictObject({
      call,
      outcome: z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("result"), outputHash: hex, ...statementTimes }),
        z.strictObject({ kind: z.literal("refusal"), reason: count, ...statementTimes }),
        z.strictObject({ kind: z.literal("modelNeeded") }),
        failure,
      ]),
    }),
    optional: [SectionTag.output, SectionTag.proof],
    sections: [],
  },
  sign: {
    type: FrameType.sign,
    body: z.strictObject({
      call,
      order: z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("admission"), modelHash: hex, ...span }),
        z.strictObject({
          kind: z.literal("refusal"),
          requestId: hex,
          reason: z.enum(["MODEL_UNKNOWN", "RUN_FAILED", "RUN_LIMIT"]),
          run: z.optional(z.strictObject({ modelHash: hex, inputHash: hex })),
          ...span,
        }),
        z.strictObject({ kind: z.literal("heartbeat"), counter: big, blockNumber: big, blockHash: hex }),
      ]),
    }),
    sections: [],
  },
  signed: {
    type: FrameType.signed,
    body: z.strictObject({ call, issuedAt: seconds, expiresAt: seconds, reason: count }),
    optional: [SectionTag.signature],
    sections: [SectionTag.proof],
  },
  attest: { type: FrameType.attest, body: z.strictObject({ call }), sections: [] },
  attested: {
    type: FrameType.attested,
    body: z.strictObject({ call }),
    sections: [SectionTag.publicKey, SectionTag.userData],
  },
  status: { type: FrameType.status, body: z.strictObject({ call }), sections: [] },
  statusReply: {
    type: FrameType.statusReply,
    body: z.strictObject({
      call,
      models: z.array(hex),
      inFlight: count,
      capacity: count,
      signed: count,
      recordCapacity: count,
    }),
    sections: [],
  },
  /** The signer's answer to a question that it will not or can not serve. */
  failed: { type: FrameType.failed, body: z.strictObject({ call, reason: text, detail: text }), sections: [] },
  runnerReady: {
    type: FrameType.runnerReady,
    body: z.strictObject({ tests: z.record(z.string(), text) }),
    sections: [],
  },
  runnerLoad: {
    type: FrameType.runnerLoad,
    body: z.strictObject({ maxOutputBytes: count }),
    sections: [SectionTag.model],
  },
  runnerLoaded: {
    type: FrameType.runnerLoaded,
    body: z.strictObject({ inputs: z.array(metadata), outputs: z.array(metadata) }),
    sections: [],
  },
  runnerRun: { type: FrameType.runnerRun, body: z.strictObject({}), sections: [SectionTag.input] },
  runnerRan: { type: FrameType.runnerRan, body: z.strictObject({}), sections: [SectionTag.output] },
  runnerFailed: {
    type: FrameType.runnerFailed,
    body: z.strictObject({
      code: z.enum(["LOAD_FAILED", "RUN_FAILED", "OUTPUT_TOO_LARGE", "OUTPUT_UNSUPPORTED"]),
      detail: text,
    }),
    sections: [],
  },
} as const satisfies Record<string, MessageSpec>;

interface MessageSpec {
  readonly type: FrameType;
  readonly body: z.ZodMiniType;
  readonly sections: readonly SectionTag[];
  readonly optional?: readonly SectionTag[];
}

export type MessageName = keyof typeof MESSAGES;
export type BodyOf<N extends MessageName> = z.output<(typeof MESSAGES)[N]["body"]>;
/** A parsed message; the bytes beside the body are views of the frame. */
export type Message = { [N in MessageName]: MessageOf<N> }[MessageName];
export interface MessageOf<N extends MessageName> {
  readonly name: N;
  readonly body: BodyOf<N>;
  readonly sections: ReadonlyMap<SectionTag, Uint8Array>;
}

const NAME_OF: ReadonlyMap<FrameType, MessageName> = new Map(
  (Object.keys(MESSAGES) as MessageName[]).map((name) => [MESSAGES[name].type, name]),
);

/**
 * The frame of a message. Integers beyond 2^53 travel as decimal text.
 * The body is not checked here: the receiver does, and an honest sender has typed values.
 */
export function toFrame<N extends MessageName>(
  name: N,
  body: BodyOf<N>,
  sections: readonly (readonly [SectionTag, Uint8Array])[] = [],
): Frame {
  const json = JSON.stringify(body, (_key, value) => (typeof value === "bigint" ? value.toString() : value));
  return {
    type: MESSAGES[name].type,
    sections: new Map<SectionTag, Uint8Array>([[SectionTag.body, Buffer.from(json)], ...sections]),
  };
}

/**
 * Reads a frame as one of the messages that this side takes.
 * @throws FrameError `FRAME_MESSAGE` for a message from the wrong side, a malformed body, a missing or a surplus section
 */
export function fromFrame<N extends MessageName>(frame: Frame, accepted: readonly N[]): { [K in N]: MessageOf<K> }[N] {
  const name = NAME_OF.get(frame.type) as N | undefined;
  if (name === undefined || !accepted.includes(name)) {
    throw new FrameError("FRAME_MESSAGE", "this side does not take such a message", { type: frame.type });
  }
  const spec: MessageSpec = MESSAGES[name];
  const known = [SectionTag.body, ...spec.sections, ...(spec.optional ?? [])];
  if (
    spec.sections.some((tag) => !frame.sections.has(tag)) ||
    [...frame.sections.keys()].some((tag) => !known.includes(tag))
  ) {
    throw new FrameError("FRAME_MESSAGE", "sections do not fit the message", {
      name,
      tags: [...frame.sections.keys()],
    });
  }
  const parsed = spec.body.safeParse(parseJson(frame.sections.get(SectionTag.body), name));
  if (!parsed.success) {
    throw new FrameError("FRAME_MESSAGE", "the body of a message is malformed", {
      name,
      issues: parsed.error.issues.map((i) => i.path.join(".")),
    });
  }
  // The schema is the one of this name; TypeScript does not follow the correlation through the table.
  return { name, body: parsed.data, sections: frame.sections } as unknown as { [K in N]: MessageOf<K> }[N];
}

function parseJson(bytes: Uint8Array | undefined, name: string): unknown {
  if (bytes === undefined) throw new FrameError("FRAME_MESSAGE", "a message without a body", { name });
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch {
    throw new FrameError("FRAME_MESSAGE", "the body of a message is not JSON", { name });
  }
}

/** A section that `fromFrame` has demanded. */
export function section(
  message: { readonly sections: ReadonlyMap<SectionTag, Uint8Array> },
  tag: SectionTag,
): Uint8Array {
  const bytes = message.sections.get(tag);
  if (bytes === undefined) throw new FrameError("FRAME_MESSAGE", "a section is missing", { tag });
  return bytes;
}
