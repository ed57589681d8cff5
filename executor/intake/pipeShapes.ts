import { Transaction } from "ethers";
import { z } from "zod";
import { accessListGas } from "../domain/gas";
import { address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import type { FilledInference, InferTerms } from "../domain/inference";
import type { IntentFields, PipeStatus } from "../domain/pipe";
import { bytesToHex } from "../protocol/bytes";
import { paramsInvalid } from "./jsonRpc";
import type { PipePrepared, PipeQuestion, PipeReport } from "./pipePorts";

const MAX_WORD = 2n ** 256n - 1n;

const hexData = z
  .string()
  .regex(/^0x([0-9a-fA-F]{2})*$/, "must be 0x and an even number of hex digits")
  .transform((value) => value.toLowerCase() as HexBytes);
const quantity = (max: bigint = MAX_WORD) =>
  z
    .string()
    .regex(/^0x[0-9a-fA-F]{1,64}$/, "must be a hex quantity")
    .transform(BigInt)
    .refine((value) => value <= max, "is too large");
const account = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "must be an address")
  .transform((value) => address(value));
const hash = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/, "must be 32 bytes of hex")
  .transform((value) => hex32(value));

const question = z
  .object({
    from: account,
    to: account.nullish(),
    value: quantity().optional(),
    data: hexData.optional(),
    input: hexData.optional(),
    gas: quantity(2n ** 64n - 1n).optional(),
  })
  .refine(({ data, input }) => data === undefined || input === undefined || data === input, {
    message: "data and input differ; give one of them",
  })
  .transform(
    ({ from, to, value, data, input, gas }): PipeQuestion => ({
      from,
      to: to ?? undefined,
      value: value ?? 0n,
      data: input ?? data ?? "0x",
      gas,
    }),
  );

const intent = z.object({
  from: account,
  target: account,
  value: quantity(),
  data: hexData,
  nonce: quantity(),
  deadline: quantity(2n ** 64n - 1n),
  maxResultFeeWei: quantity(2n ** 96n - 1n),
  relayFeeWei: quantity(2n ** 96n - 1n),
  maxFailureFeeWei: quantity(2n ** 96n - 1n),
  gas: quantity(2n ** 32n - 1n).transform(Number),
  relayer: account,
});

/** What a method takes: its first parameters, in order. */
const PARAMS = {
  eth_sendRawTransaction: z.tuple([hexData]),
  // A block tag may follow, as of `eth_call`; the engine always looks at the newest state.
  pipe_simulate: z.tuple([question], z.unknown()),
  pipe_prepare: z.tuple([question], z.unknown()),
  pipe_sendIntent: z.tuple([intent, hexData]),
  pipe_status: z.tuple([hash]),
} as const;

/** Fields of transactions that PIPE brings no results for (EIP-4844, EIP-7702): an estimate with them would let them be signed, and fail. */
const notForPipe = z.object({
  type: z.enum(["0x0", "0x1", "0x2"]).nullish(),
  authorizationList: z.null().optional(),
  blobVersionedHashes: z.null().optional(),
  maxFeePerBlobGas: z.null().optional(),
  blobs: z.null().optional(),
  accessList: z.array(z.object({ storageKeys: z.array(z.unknown()) })).nullish(),
});
const estimated = z.tuple([question]).or(z.tuple([question, z.enum(["latest", "pending"])]));

/**
 * What a wallet asks before it signs, and what its access list costs (EIP-2930). Undefined where the node has to answer: a past block, assumed state, no
 * sender, no call at all, or a transaction that is none of PIPE's.
 */
export function estimatedQuestion(
  params: unknown,
): { readonly question: PipeQuestion; readonly accessGas: bigint } | undefined {
  const parsed = estimated.safeParse(params);
  if (!parsed.success || parsed.data[0].data === "0x") return undefined;
  const more = notForPipe.safeParse((params as unknown[])[0]);
  if (!more.success) return undefined;
  return { question: parsed.data[0], accessGas: accessListGas(more.data.accessList ?? []) };
}

/** @throws AssayError `INTAKE_PARAMS_INVALID`, with what is wrong where */
export function paramsOf<M extends keyof typeof PARAMS>(method: M, params: unknown): z.output<(typeof PARAMS)[M]> {
  const parsed = PARAMS[method].safeParse(params);
  if (parsed.success) return parsed.data as z.output<(typeof PARAMS)[M]>;
  const [issue] = parsed.error.issues;
  throw paramsInvalid(method, `${issue?.path.join(".") || "params"}: ${issue?.message ?? "invalid"}`);
}

/** JSON-RPC's quantity: hex without leading zeros. */
export const hexQuantity = (value: bigint | number): HexBytes => `0x${value.toString(16)}`;

const termsShape = (terms: InferTerms) => ({ ...terms, minTrust: hexQuantity(terms.minTrust) });

export function reportShape(report: PipeReport) {
  return {
    inferences: report.inferences.map((asked) => ({ ...asked, terms: termsShape(asked.terms) })),
    rounds: hexQuantity(report.rounds),
    simulations: hexQuantity(report.simulations),
    gasUsed: hexQuantity(report.gasUsed),
    feeWei: hexQuantity(report.feeWei),
    provideGas: hexQuantity(report.provideGas),
    publishGas: hexQuantity(report.publishGas),
  };
}

const resultShape = ({ inference, answer }: FilledInference) => ({
  key: inference.key,
  modelHash: inference.modelHash,
  input: bytesToHex(inference.input),
  terms: termsShape(inference.terms),
  signer: answer.signer,
  runtimeProfile: answer.runtimeProfile,
  feeWei: hexQuantity(answer.feeWei),
  issuedAt: hexQuantity(answer.issuedAt),
  expiresAt: hexQuantity(answer.expiresAt),
  output: bytesToHex(answer.output),
  proof: bytesToHex(answer.proof),
});

export function preparedShape(prepared: PipePrepared) {
  return {
    ...reportShape(prepared),
    hub: prepared.hub,
    results: prepared.results.map(resultShape),
    provide: prepared.provide,
    expiresAt: hexQuantity(prepared.expiresAt),
  };
}

/** The signed bytes are left out: only who signed them has them until they are sent. */
export function statusShape(status: PipeStatus) {
  return {
    id: status.id,
    kind: status.kind,
    sender: status.sender,
    nonce: hexQuantity(BigInt(status.nonce)),
    state: status.state,
    reason: status.reason ?? null,
    detail: status.detail ?? null,
    acceptedMs: hexQuantity(status.acceptedMs),
    deadlineMs: hexQuantity(status.deadlineMs),
    transactionHash: status.transactionHash ?? null,
    publishHash: status.publishHash ?? null,
    blockNumber: status.block === undefined ? null : hexQuantity(status.block.number),
    blockHash: status.block?.hash ?? null,
    timeline: status.timeline.map(({ step, hostMs, detail }) => ({ step, hostMs: hexQuantity(hostMs), detail })),
  };
}

/** A transaction that is in no block, as nodes show those of their pools. */
export function pendingTransaction(raw: HexBytes, hashOf: Hex32): Record<string, unknown> {
  const tx = Transaction.from(raw);
  const signature = tx.signature;
  const type = tx.type ?? 0;
  const dynamic = type >= 2;
  return {
    blockHash: null,
    blockNumber: null,
    transactionIndex: null,
    hash: hashOf,
    type: hexQuantity(type),
    chainId: tx.chainId === 0n ? null : hexQuantity(tx.chainId),
    from: tx.from?.toLowerCase() ?? null,
    to: tx.to?.toLowerCase() ?? null,
    nonce: hexQuantity(tx.nonce),
    gas: hexQuantity(tx.gasLimit),
    gasPrice: hexQuantity((dynamic ? tx.maxFeePerGas : tx.gasPrice) ?? 0n),
    ...(dynamic
      ? {
          maxFeePerGas: hexQuantity(tx.maxFeePerGas ?? 0n),
          maxPriorityFeePerGas: hexQuantity(tx.maxPriorityFeePerGas ?? 0n),
        }
      : {}),
    value: hexQuantity(tx.value),
    input: tx.data,
    ...(type >= 1
      ? {
          accessList: (tx.accessList ?? []).map((entry) => ({
            address: entry.address.toLowerCase(),
            storageKeys: entry.storageKeys,
          })),
          yParity: hexQuantity(signature?.yParity ?? 0),
        }
      : {}),
    ...(type === 4
      ? {
          authorizationList: (tx.authorizationList ?? []).map((entry) => ({
            chainId: hexQuantity(entry.chainId),
            address: entry.address.toLowerCase(),
            nonce: hexQuantity(entry.nonce),
            yParity: hexQuantity(entry.signature.yParity),
            r: hexQuantity(BigInt(entry.signature.r)),
            s: hexQuantity(BigInt(entry.signature.s)),
          })),
        }
      : {}),
    v: hexQuantity(type === 0 ? (signature?.networkV ?? BigInt(signature?.v ?? 0)) : BigInt(signature?.yParity ?? 0)),
    r: hexQuantity(BigInt(signature?.r ?? 0)),
    s: hexQuantity(BigInt(signature?.s ?? 0)),
  };
}

/** A signed intent, as the gate takes it. */
export function intentOf(params: unknown): { readonly intent: IntentFields; readonly signature: HexBytes } {
  const [fields, signature] = paramsOf("pipe_sendIntent", params);
  return { intent: fields, signature };
}
