import { AbiCoder, recoverAddress, Signature } from "ethers";
import { type Address, address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import { hexToBytes } from "../protocol/bytes";
import {
  boundStatement,
  CLOCK_SKEW_SECONDS,
  hashRefusal,
  hashResult,
  keccak256,
  MAX_RESULT_LIFETIME_SECONDS,
  REFUSAL_REASON,
  type ResultStatement,
  typedDigest,
} from "../protocol/statement";
import { callsIn, type FoundCall } from "./calldata";
import type { FoundRequest, Inquiry } from "./context";
import { type FoundEnding, storedState } from "./ending";
import { HUB } from "./reader";
import { canonical } from "./request";

/** What the enclave signed, as the calldata of the ending transaction carries it. */
export interface FoundAnswer {
  /** Hash of the signed struct. */
  readonly structHash: Hex32;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly proof: HexBytes;
  /** Of a result; undefined for a refusal. */
  readonly statement: ResultStatement | undefined;
  readonly output: Uint8Array | undefined;
}

interface Item {
  readonly request: Readonly<Record<string, unknown>>;
  readonly answer: FoundAnswer;
}

/** Finds the signed answer in the calldata, recomputes every hash and recovers the key. */
export async function explainAnswer(
  inquiry: Inquiry,
  request: FoundRequest,
  ending: FoundEnding,
): Promise<FoundAnswer | undefined> {
  const { reader, checks, domain } = inquiry;
  const transaction = await reader.transaction(ending.log.transactionHash);
  const found = find({ inquiry, request, ending, input: transaction.input });
  if (found === undefined) {
    checks.that(
      "answer.calldata",
      null,
      `transaction ${transaction.hash} does not carry the answer in its calldata: a contract composed it, so it can not be read from chain data without a trace`,
    );
    return undefined;
  }
  const { answer, place } = found;
  checks.that("answer.calldata", true, place);
  if (answer.output !== undefined && answer.statement !== undefined) {
    checks.that(
      "answer.output",
      true,
      `${answer.output.length} bytes, ${answer.statement.outputHash}, ${canonical(answer.output)}`,
    );
    checks.same("answer.statement", { expected: ending.statementHash ?? "", actual: answer.structHash });
  } else {
    const reason = Object.entries(REFUSAL_REASON).find(([, number]) => number === ending.reason)?.[0] ?? "unknown";
    checks.that("answer.refusal", true, `reason ${ending.reason} ${reason}`);
  }
  checks.same("answer.signature", { expected: ending.signer ?? "", actual: signerOf(domain, answer) ?? "no key" });
  checkTimes({ inquiry, request, ending, answer });
  if (answer.statement !== undefined) {
    const { profile, contextRoot } = request.terms;
    const wanted = /^0x0+$/.test(profile) ? answer.statement.runtimeProfile : profile;
    checks.same("answer.profile", { expected: wanted, actual: answer.statement.runtimeProfile });
    checks.same("answer.context", { expected: contextRoot, actual: answer.statement.contextRoot });
    await checkRecorded(inquiry, { request, answer, signer: ending.signer as Address }); // A fulfilment names its signer.
  }
  return answer;
}

/** The key behind a signature; undefined for one that the hub would not take (length, high s, no point). */
export function signerOf(domain: Hex32, answer: Pick<FoundAnswer, "structHash" | "proof">): Address | undefined {
  try {
    if (answer.proof.length !== 2 + 2 * 64) return undefined;
    return address(recoverAddress(typedDigest(domain, answer.structHash), Signature.from(answer.proof)));
  } catch {
    return undefined;
  }
}

function find(args: {
  inquiry: Inquiry;
  request: FoundRequest;
  ending: FoundEnding;
  input: HexBytes;
}): { answer: FoundAnswer; place: string } | undefined {
  const names = args.ending.kind === "refused" ? ["refuse"] : ["fulfill", "fulfillBatch"];
  for (const call of callsIn(args.input, HUB, names)) {
    const items = itemsOf(call, args.inquiry, args.request);
    for (const [index, item] of items.entries()) {
      if (!proves(item, args)) continue;
      const nested = call.offset === 0 ? "" : `, carried inside another contract's call at byte ${call.offset}`;
      const inBatch = call.name === "fulfillBatch" ? ` item ${index} of ${items.length}` : "";
      return { answer: item.answer, place: `${call.name}${inBatch}${nested}` };
    }
  }
  return undefined;
}

/** Anything that has the shape of a call may stand in calldata; only one that leads to the recorded hash or key is the answer. */
function proves(
  item: Item,
  { inquiry, request, ending }: { inquiry: Inquiry; request: FoundRequest; ending: FoundEnding },
): boolean {
  const same = String(item.request.salt) === request.salt && address(item.request.requester) === request.requester;
  if (!same) return false;
  if (ending.kind === "fulfilled") return item.answer.structHash === ending.statementHash;
  return signerOf(inquiry.domain, item.answer) === ending.signer;
}

function itemsOf(call: FoundCall, inquiry: Inquiry, request: FoundRequest): Item[] {
  const args = call.args.toObject() as Record<string, never>;
  if (call.name === "refuse") return [refusalOf(args, inquiry)];
  const list: readonly Fulfilment[] =
    call.name === "fulfill"
      ? [args as unknown as Fulfilment]
      : (args as unknown as { items: readonly Fulfilment[] }).items;
  return Array.from(list, (item) => resultOf(item, inquiry, request));
}

interface Fulfilment {
  readonly statement: {
    readonly request: Readonly<Record<string, unknown>>;
    readonly runtimeProfile: string;
    readonly issuedAt: bigint;
    readonly expiresAt: bigint;
  };
  readonly output: string;
  readonly proof: string;
}

function resultOf(
  { statement: given, output: outputHex, proof }: Fulfilment,
  inquiry: Inquiry,
  request: FoundRequest,
): Item {
  const output = hexToBytes(outputHex);
  const times = { issuedAt: Number(given.issuedAt), expiresAt: Number(given.expiresAt) };
  const statement = boundStatement({
    requestId: inquiry.requestId,
    request: { requester: request.requester, modelHash: request.modelHash, inputHash: request.inputHash },
    terms: request.terms,
    outputHash: keccak256(output),
    runtimeProfile: hex32(given.runtimeProfile),
    ...times,
  });
  return {
    request: given.request,
    answer: { structHash: hashResult(statement), ...times, proof: proof as HexBytes, statement, output },
  };
}

function refusalOf(args: Readonly<Record<string, unknown>>, inquiry: Inquiry): Item {
  const times = { issuedAt: Number(args.issuedAt), expiresAt: Number(args.expiresAt) };
  const structHash = hashRefusal({ requestId: inquiry.requestId, reason: Number(args.reason), ...times });
  return {
    request: args.request as Readonly<Record<string, unknown>>,
    answer: { structHash, ...times, proof: args.proof as HexBytes, statement: undefined, output: undefined },
  };
}

function checkTimes(args: { inquiry: Inquiry; request: FoundRequest; ending: FoundEnding; answer: FoundAnswer }): void {
  const { request, ending, answer } = args;
  const now = ending.block.timestamp;
  const good =
    answer.issuedAt <= now + CLOCK_SKEW_SECONDS &&
    now < answer.expiresAt &&
    answer.expiresAt - answer.issuedAt <= MAX_RESULT_LIFETIME_SECONDS;
  args.inquiry.checks.that(
    "answer.times",
    good,
    `issued ${answer.issuedAt}, landed ${now}, expires ${answer.expiresAt}`,
  );
  args.inquiry.checks.that(
    "answer.deadline",
    now <= request.terms.deadline,
    `landed ${now}, deadline ${request.terms.deadline}`,
  );
}

/** The hub keeps 26 bytes of commitment; they must follow from what was found, and the hub must still call it authentic. */
async function checkRecorded(
  inquiry: Inquiry,
  args: { request: FoundRequest; answer: FoundAnswer; signer: Address },
): Promise<void> {
  const { reader, deployment, requestId, checks } = inquiry;
  const { request, answer, signer } = args;
  const encoded = AbiCoder.defaultAbiCoder().encode(
    ["bytes32", "address", "uint64"],
    [answer.structHash, signer, request.requestedAt],
  );
  const expected = BigInt(keccak256(hexToBytes(encoded))) & ((1n << 208n) - 1n);
  checks.same("answer.commitment", { expected, actual: (await storedState(inquiry)).commitment });
  const hub = { contract: HUB, at: deployment.contracts.InferenceHub.address };
  const [authentic] = await reader.view(hub, "wasAuthentic", [
    requestId,
    answer.structHash,
    signer,
    request.requestedAt,
  ]);
  checks.that(
    "answer.authentic",
    authentic === true,
    authentic === true
      ? "the hub says so"
      : "the hub no longer calls it authentic: outside the key's epoch, or its image was revoked as compromised",
  );
}
