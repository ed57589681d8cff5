import type { InferenceRequest, RunOutcome } from "../domain/request";
import type { Enclave, StatementSpan } from "../enclave/ports";
import { REFUSAL_REASON } from "../protocol/statement";
import type { Worker } from "./dispatcher";
import type { ChainNow, FleetMember } from "./fleetPorts";

/** How long a statement is good for after it was signed, unless the deadline or the key's epoch ends sooner. */
const STATEMENT_SECONDS = 3_600;

/** The window a statement for this request may have: never beyond the request's deadline, since nothing lands after it, nor the key's epoch. */
export function spanOf(request: InferenceRequest, member: FleetMember, now: ChainNow): StatementSpan {
  return {
    chainNow: now.timestamp,
    notAfter: Math.min(request.terms.deadline + 1, member.epochEnd, now.timestamp + STATEMENT_SECONDS),
  };
}

/** One enclave, as the dispatcher uses it. The window of a statement is asked for when it is signed. */
export function workerOf(enclave: Enclave, span: (request: InferenceRequest) => StatementSpan): Worker {
  const { signer } = enclave.description;
  return {
    id: signer,
    run: (request, model, signal) =>
      enclave.run(
        {
          requestId: request.requestId,
          requester: request.requester,
          modelHash: request.modelHash,
          input: request.input,
          contextRoot: request.terms.contextRoot,
          feeWei: 0n,
          ...span(request),
        },
        model,
        signal,
      ),
    refuse: async (request, reason): Promise<RunOutcome> => {
      const { proof, issuedAt, expiresAt } = await enclave.signRefusal({
        requestId: request.requestId,
        reason,
        ...(reason === "MODEL_UNKNOWN" ? {} : { run: { modelHash: request.modelHash, inputHash: request.inputHash } }),
        ...span(request),
      });
      return {
        ok: true,
        answer: { kind: "refusal", signer, reason: REFUSAL_REASON[reason], issuedAt, expiresAt, proof },
      };
    },
  };
}
