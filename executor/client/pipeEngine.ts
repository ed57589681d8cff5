import { z } from "zod";
import { AssayError } from "../domain/errors";
import { address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import { PIPE_STATES } from "../domain/pipe";

const hexData = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})*$/)
  .transform((value) => value.toLowerCase() as HexBytes);
const hash = z.string().transform((value) => hex32(value));
const account = z.string().transform((value) => address(value));
const quantity = z
  .string()
  .regex(/^0x[0-9a-fA-F]{1,64}$/)
  .transform(BigInt);
const number = quantity.transform(Number).refine(Number.isSafeInteger);
const terms = z.object({ minTrust: number.refine((level) => level <= 4), profile: hash, imageId: hash });

const reportFields = {
  inferences: z.array(z.object({ key: hash, modelHash: hash, input: hexData, terms })),
  rounds: number,
  simulations: number,
  gasUsed: quantity,
  feeWei: quantity,
  provideGas: quantity,
  publishGas: quantity,
};
const resultSchema = z.object({
  key: hash,
  modelHash: hash,
  input: hexData,
  terms,
  signer: account,
  runtimeProfile: hash,
  feeWei: quantity,
  issuedAt: number,
  expiresAt: number,
  output: hexData,
  proof: hexData,
});
// The engine's own calldata is not read: the client makes it anew from results that it has checked.
const preparedSchema = z.object({ ...reportFields, results: z.array(resultSchema).max(256) });
const statusSchema = z
  .object({
    id: hash,
    kind: z.enum(["raw", "intent"]),
    sender: account,
    nonce: quantity,
    state: z.enum(PIPE_STATES),
    reason: z.string().nullable(),
    detail: z.string().nullable(),
    acceptedMs: number,
    deadlineMs: number,
    transactionHash: hash.nullable(),
    publishHash: hash.nullable(),
    blockNumber: number.nullable(),
    blockHash: hash.nullable(),
    timeline: z.array(
      z.object({
        step: z.string(),
        hostMs: number,
        detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
      }),
    ),
  })
  .nullable();

/** A result as the engine hands it out: nothing of it is believed. */
export type EngineResult = z.output<typeof resultSchema>;
export type EnginePrepared = z.output<typeof preparedSchema>;
/** What the engine says of a transaction or an intent. */
export type PipeClientStatus = NonNullable<z.output<typeof statusSchema>>;

/** For simulations, which run inferences; the engine has bounds of its own. */
const TIMEOUT_MS = 120_000;

export interface EngineArgs {
  readonly engineUrl: string;
  readonly apiKey?: string;
}

/** A call before anything is signed, as JSON-RPC has it. */
export interface EngineQuestion {
  readonly from: string;
  readonly to: string;
  readonly value: string;
  readonly data: string;
}

/** The engine's JSON-RPC (docs/pipe.md), with every answer parsed. */
export class PipeEngine {
  constructor(private readonly args: EngineArgs) {}

  async prepare(question: EngineQuestion): Promise<EnginePrepared> {
    return this.ask("pipe_prepare", [question], preparedSchema);
  }

  async sendIntent(fields: object, signature: string): Promise<Hex32> {
    return this.ask("pipe_sendIntent", [fields, signature], hash);
  }

  async status(id: Hex32): Promise<PipeClientStatus | undefined> {
    return (await this.ask("pipe_status", [id], statusSchema)) ?? undefined;
  }

  private async ask<T extends z.ZodType>(method: string, params: readonly unknown[], schema: T): Promise<z.output<T>> {
    const answer = answerSchema.safeParse(await this.exchange(method, params));
    if (!answer.success) throw malformed(method, answer.error);
    if (answer.data.error !== undefined) throw refused(method, answer.data.error);
    const result = schema.safeParse(answer.data.result);
    if (!result.success) throw malformed(method, result.error);
    return result.data;
  }

  private async exchange(method: string, params: readonly unknown[]): Promise<unknown> {
    const { engineUrl, apiKey } = this.args;
    try {
      const response = await fetch(engineUrl, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return await response.json();
    } catch (cause) {
      throw new AssayError({
        code: "CLIENT_PIPE_UNREACHABLE",
        message: `the engine did not answer ${method}`,
        context: { method },
        // An intent may have arrived. Sending the same one again is harmless: its nonce is used once.
        retry: method === "pipe_sendIntent" ? "unknown" : "later",
        cause,
      });
    }
  }
}

const answerSchema = z.object({
  result: z.unknown().optional(),
  error: z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() }).optional(),
});
const errorDataSchema = z.object({
  code: z.string(),
  context: z.record(z.string(), z.unknown()),
  retry: z.enum(["never", "later", "unknown"]),
});

function malformed(method: string, cause: unknown): AssayError {
  return new AssayError({
    code: "CLIENT_PIPE_ANSWER_MALFORMED",
    message: `the engine's answer to ${method} is not of the form that it must have`,
    context: { method },
    cause,
  });
}

/** Code 3 is a revert, with its data; anything else carries the engine's own code, context and retry class. */
function refused(method: string, error: { code: number; message: string; data?: unknown }): AssayError {
  if (error.code === 3 && typeof error.data === "string") {
    return new AssayError({
      code: "CLIENT_PIPE_REVERTS",
      message: error.message,
      context: { method, data: error.data },
    });
  }
  const data = errorDataSchema.safeParse(error.data);
  const { code, context, retry } = data.success
    ? data.data
    : { code: `RPC_${error.code}`, context: {}, retry: "later" as const };
  return new AssayError({
    code: "CLIENT_PIPE_REFUSED",
    message: error.message,
    context: { ...context, method, engineCode: code },
    retry,
  });
}
