import { type Address, address, hex32 } from "../domain/ids";
import { explainAttestation, type RegisteredKey } from "./attestation";
import type { FoundRequest, Inquiry } from "./context";
import type { FoundEnding } from "./ending";
import { argsOf, type Log, REGISTRY, topicOf, topicWord } from "./reader";

const LIFE = ["EnclaveRegistered", "EnclaveRenewed", "EnclaveDraining", "EnclaveClosed", "HeartbeatReceived"];

/** A key's life from the registry's events, as it stood when the answer landed. */
interface Life {
  readonly epochEnd: number;
  readonly heartbeatDue: number;
  readonly closed: boolean;
}

/** Who signed: how the key came to be on the chain, and whether it was good at the moment when the answer landed. */
export async function explainEnclave(
  inquiry: Inquiry,
  args: { request: FoundRequest; ending: FoundEnding; signer: Address },
): Promise<RegisteredKey | undefined> {
  const { reader, deployment, head, checks } = inquiry;
  const { request, ending, signer } = args;
  const registry = deployment.contracts.EnclaveRegistry;
  const logs = await reader.logs({
    address: registry.address,
    topics: [LIFE.map((name) => topicOf(REGISTRY, name)), topicWord(signer)],
    fromBlock: registry.block,
    toBlock: head.number,
  });
  const before = logs.filter((log) => isBefore(log, ending.log)).map((log) => ({ log, args: argsOf(REGISTRY, log) }));
  const birth = before.find(({ args: { eventName } }) => eventName === "EnclaveRegistered");
  const born = checks.that(
    "enclave.registered",
    birth !== undefined,
    birth === undefined
      ? `${signer} was not registered when the answer landed`
      : `${signer} in block ${birth.log.blockNumber}, transaction ${birth.log.transactionHash}`,
  );
  if (!born || birth === undefined) return undefined;

  const at = { contract: REGISTRY, at: registry.address };
  const epochSeconds = Number((await reader.view(at, "epochSeconds", []))[0]);
  const heartbeatSeconds = Number((await reader.view(at, "heartbeatSeconds", []))[0]);
  const key: RegisteredKey = {
    signer,
    operator: address(birth.args.operator),
    operatorId: Number(birth.args.operatorId),
    payout: address(birth.args.payout),
    imageId: hex32(birth.args.imageId),
    trust: Number(birth.args.trust),
    runtimeProfile: hex32(birth.args.runtimeProfile),
    registeredAt: Number(birth.args.epochEnd) - epochSeconds,
    log: birth.log,
  };
  await explainAttestation(inquiry, key);
  checkLife(inquiry, {
    now: ending.block.timestamp,
    life: lifeOf(
      before.map((event) => event.args),
      { epochSeconds, heartbeatSeconds },
    ),
  });
  await checkImage(inquiry, { key, endedAt: ending.block.timestamp, wanted: request });
  const { minTrust, assignedOperator } = request.terms;
  checks.that("enclave.trust", key.trust >= minTrust, `level ${key.trust}, asked for at least ${minTrust}`);
  checks.that(
    "enclave.operator",
    assignedOperator === 0 || assignedOperator === key.operatorId,
    `operator ${key.operatorId} ${key.operator}${assignedOperator === 0 ? "" : `, asked for ${assignedOperator}`}`,
  );
  return key;
}

function isBefore(a: Log, b: Log): boolean {
  return a.blockNumber < b.blockNumber || (a.blockNumber === b.blockNumber && a.logIndex < b.logIndex);
}

/** Registration and renewal are signs of life too: both set the heartbeat's time anew. */
function lifeOf(
  events: readonly Readonly<Record<string, unknown>>[],
  spans: { epochSeconds: number; heartbeatSeconds: number },
): Life {
  let life: Life = { epochEnd: 0, heartbeatDue: 0, closed: false };
  for (const event of events) {
    if (event.eventName === "EnclaveClosed") life = { ...life, closed: true };
    else if (event.eventName === "EnclaveDraining") life = { ...life, epochEnd: Number(event.until) };
    else if (event.eventName === "HeartbeatReceived") life = { ...life, heartbeatDue: Number(event.dueAt) };
    else {
      const epochEnd = Number(event.epochEnd);
      life = { ...life, epochEnd, heartbeatDue: epochEnd - spans.epochSeconds + spans.heartbeatSeconds };
    }
  }
  return life;
}

function checkLife({ checks }: Inquiry, { now, life }: { now: number; life: Life }): void {
  checks.that(
    "enclave.epoch",
    !life.closed && now < life.epochEnd,
    life.closed ? "the key was closed before" : `until ${life.epochEnd}, landed ${now}`,
  );
  checks.that("enclave.heartbeat", now < life.heartbeatDue, `due at ${life.heartbeatDue}, landed ${now}`);
}

async function checkImage(
  { reader, deployment, checks }: Inquiry,
  args: { key: RegisteredKey; endedAt: number; wanted: FoundRequest },
): Promise<void> {
  const { key, endedAt, wanted } = args;
  const at = deployment.contracts.EnclaveRegistry.address;
  const { index, activeFrom, revokedAt, compromisedSince } = await reader.view({ contract: REGISTRY, at }, "imageOf", [
    key.imageId,
  ]);
  const approved = index !== 0n && Number(activeFrom) <= key.registeredAt;
  checks.that("enclave.imageApproved", approved, `${key.imageId} approved from ${activeFrom}`);
  const good = revokedAt === 0n || endedAt < Number(compromisedSince);
  checks.that(
    "enclave.imageRevoked",
    good,
    revokedAt === 0n
      ? "not revoked"
      : `revoked at ${revokedAt}, compromised since ${compromisedSince}, landed ${endedAt}`,
  );
  if (!/^0x0+$/.test(wanted.terms.imageId))
    checks.same("enclave.image", { expected: wanted.terms.imageId, actual: key.imageId });
}
