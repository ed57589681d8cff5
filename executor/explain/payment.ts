import { isAssayError } from "../domain/errors";
import { type Address, address, hex32, ZERO_ADDRESS } from "../domain/ids";
import { hexToBytes } from "../protocol/bytes";
import { decodeTerms } from "../protocol/terms";
import type { FoundRequest, Inquiry } from "./context";
import type { FoundEnding } from "./ending";
import { argsOf, HUB, type Log, REGISTRY, topicOf } from "./reader";

/** Where the money came from and where it went. */
export async function explainPayment(
  inquiry: Inquiry,
  args: { request: FoundRequest; ending: FoundEnding; operatorId: number | undefined },
): Promise<void> {
  const { reader, deployment, checks } = inquiry;
  const { request, ending } = args;
  const transaction = await reader.transaction(request.log.transactionHash);
  if (transaction.to === deployment.contracts.InferenceHub.address) {
    checks.same("payment.escrow", { expected: request.rewardWei, actual: transaction.value });
  } else {
    // The id commits to the reward, and the hub takes it from the value of the call, whoever makes it.
    checks.that(
      "payment.escrow",
      true,
      `${request.rewardWei} wei, escrowed through contract ${transaction.to ?? "creation"}`,
    );
  }
  if (ending.kind === "refunded") checkRefund(inquiry, request, ending);
  else if (args.operatorId !== undefined) await checkCredit(inquiry, { ...args, operatorId: args.operatorId });
}

function checkRefund({ checks }: Inquiry, request: FoundRequest, ending: FoundEnding): void {
  const { refundTo, amountWei } = argsOf(HUB, ending.log);
  const expected = request.terms.refundTo === ZERO_ADDRESS ? request.requester : request.terms.refundTo;
  checks.same("payment.refundTo", { expected, actual: address(refundTo) });
  checks.same("payment.refund", { expected: request.rewardWei, actual: amountWei as bigint });
  checks.that(
    "payment.refundTime",
    ending.block.timestamp > request.terms.deadline,
    `deadline ${request.terms.deadline}, refunded ${ending.block.timestamp}`,
  );
}

/** What landing this request owes its operator. */
function dueOf(kind: "Fulfilled" | "Refused", request: { rewardWei: bigint; refusalFeeWei: bigint }): bigint {
  return kind === "Fulfilled" ? request.rewardWei : request.refusalFeeWei;
}

/**
 * The operator's credit before and after the block, against everything that the block's events say about it. Needs a node that still has the state of that
 * block; where it has not, the row says so and nothing is concluded.
 */
async function checkCredit(
  inquiry: Inquiry,
  args: { request: FoundRequest; ending: FoundEnding; operatorId: number },
): Promise<void> {
  const { reader, deployment, checks } = inquiry;
  const { request, ending, operatorId } = args;
  const own = dueOf(ending.kind === "fulfilled" ? "Fulfilled" : "Refused", {
    rewardWei: request.rewardWei,
    refusalFeeWei: request.terms.refusalFeeWei,
  });
  const number = ending.log.blockNumber;
  const creditAt = async (block: number): Promise<bigint> => {
    const target = { contract: HUB, at: deployment.contracts.InferenceHub.address, block };
    return (await reader.view(target, "operatorCreditOf", [operatorId]))[0] as bigint;
  };
  let change: bigint;
  try {
    change = (await creditAt(number)) - (await creditAt(number - 1));
  } catch (error) {
    if (!isAssayError(error, "RPC_ERROR")) throw error;
    checks.that("payment.credited", null, `${own} wei are due; the node keeps no state of block ${number} to see them`);
    return;
  }
  const expected = await expectedChange(inquiry, { block: number, operatorId });
  const good = change === expected;
  checks.that(
    "payment.credited",
    good,
    good
      ? `${own} wei to operator ${operatorId}`
      : `the credit of operator ${operatorId} changed by ${change} wei in block ${number}, its events say ${expected}`,
  );
}

/** Everything the hub's events of one block add to and take from one operator's credit. */
async function expectedChange(
  inquiry: Inquiry,
  { block, operatorId }: { block: number; operatorId: number },
): Promise<bigint> {
  const { reader, deployment } = inquiry;
  const hub = deployment.contracts.InferenceHub;
  const names = ["Fulfilled", "Refused", "Withdrawn"];
  const logs = await reader.logs({
    address: hub.address,
    topics: [names.map((name) => topicOf(HUB, name))],
    fromBlock: block,
    toBlock: block,
  });
  const events = logs.map((log) => argsOf(HUB, log));
  const operators = await operatorsOf(inquiry, events);
  const ended = events.filter(
    (event) => event.eventName !== "Withdrawn" && operators.get(String(event.signer)) === operatorId,
  );
  const requests = await rewardsOf(inquiry, { ids: ended.map(({ requestId }) => hex32(requestId)), block });
  let sum = 0n;
  for (const event of ended) {
    const request = requests.get(hex32(event.requestId));
    if (request !== undefined) sum += dueOf(event.eventName as "Fulfilled" | "Refused", request);
  }
  for (const event of events)
    if (event.eventName === "Withdrawn" && Number(event.operatorId) === operatorId) sum -= event.amountWei as bigint;
  return sum;
}

async function operatorsOf(
  { reader, deployment }: Inquiry,
  events: readonly Readonly<Record<string, unknown>>[],
): Promise<Map<string, number>> {
  const operators = new Map<string, number>();
  for (const signer of new Set(
    events.filter(({ signer }) => signer !== undefined).map(({ signer }) => String(signer)),
  )) {
    const target = { contract: REGISTRY, at: deployment.contracts.EnclaveRegistry.address as Address };
    operators.set(signer, Number((await reader.view(target, "check", [signer, 0, `0x${"00".repeat(32)}`])).operatorId));
  }
  return operators;
}

async function rewardsOf(
  { reader, deployment }: Inquiry,
  args: { ids: readonly ReturnType<typeof hex32>[]; block: number },
): Promise<Map<string, { rewardWei: bigint; refusalFeeWei: bigint }>> {
  if (args.ids.length === 0) return new Map();
  const hub = deployment.contracts.InferenceHub;
  const logs = await reader.logs({
    address: hub.address,
    topics: [topicOf(HUB, "Requested"), args.ids],
    fromBlock: hub.block,
    toBlock: args.block,
  });
  return new Map(
    logs.map((log: Log) => {
      const event = argsOf(HUB, log);
      return [
        hex32(event.requestId),
        {
          rewardWei: event.rewardWei as bigint,
          refusalFeeWei: decodeTerms(hexToBytes(String(event.terms))).refusalFeeWei,
        },
      ] as const;
    }),
  );
}
