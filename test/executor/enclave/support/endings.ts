import { expect } from "chai";
import type { Hex32 } from "../../../../executor/domain/ids";
import type { Enclave } from "../../../../executor/enclave/ports";
import { admit } from "../../../../executor/protocol/onnx/admission";
import { REFUSAL_REASON, refusalName } from "../../../../executor/protocol/statement";
import type { Tensor } from "../../../../executor/protocol/tensor";
import { decodeTensorSet, encodeTensorSet } from "../../../../executor/protocol/tensorSet";
import { decodeTensorSignature, type SignatureEntry } from "../../../../executor/protocol/tensorSignature";
import { DType } from "../../../../executor/protocol/tensorType";
import { numbersOf, tensorFrom } from "../../../../executor/protocol/tensorValues";
import { answered, failureOf, floats, refusedWith, requestId, sha256, task } from "./enclave";
import { sumModel } from "./onnx";

/**
 * How the way of one model through an enclave ended, in one word: the code of the admission that refused its bytes, `LOAD_…` or
 * `METADATA_DIFFERS` from its trial, `RUN_…`, `INPUT_…` or `OUTPUT_…` of a signed refusal, the code of a failure, or `result`.
 */
export interface Ending {
  readonly code: string;
  readonly detail: string;
  /** False where the strict reader refused the bytes, so that onnxruntime never saw them. */
  readonly reachedRuntime: boolean;
  readonly milliseconds: number;
}

/** What onnxruntime in a runner, and nothing of the signer, decides of a trial. */
const TRIAL = ["LOAD_FAILED", "LOAD_TIMEOUT", "LOAD_KILLED_RUNNER", "METADATA_DIFFERS"];
/** Larger inputs are replaced by one element, which the signer refuses: nothing is learnt from sending megabytes. */
const MAX_INPUT_ELEMENTS = 2 ** 18;
const FREE_DIMENSION = 2;

/** Asks for the admission of a model and for one run of it, as an executor does. @throws what breaks the enclave's promises */
export async function endingOf(enclave: Enclave, model: Uint8Array, id: Hex32): Promise<Ending> {
  const began = performance.now();
  const { code, detail, reachedRuntime } = await wayOf(enclave, model, id);
  return { code, detail, reachedRuntime, milliseconds: performance.now() - began };
}

async function wayOf(enclave: Enclave, model: Uint8Array, id: Hex32): Promise<Omit<Ending, "milliseconds">> {
  const read = admit(model);
  const admission = await enclave.admit({ modelHash: sha256(model), model, chainNow: 5_000, notAfter: 9_000 });
  const outcome = await enclave.run(task(model, { requestId: id, input: inputFor(admission) }), model);
  if (admission.ok) {
    // The image holds the same reader as the sources.
    expect(read.ok && read.signature).to.deep.equal(decodeTensorSignature(admission.signature));
    if (!outcome.ok) return { code: outcome.failure.code, detail: outcome.failure.detail, reachedRuntime: true };
    const { answer } = outcome;
    const code = answer.kind === "result" ? answer.kind : refusalName(answer.reason);
    return { code, detail: "", reachedRuntime: true };
  }
  const { reason, detail } = admission;
  if (admission.retryable) return { code: reason, detail, reachedRuntime: true };
  // Whoever asked gets the escrow back: the rejection of a model is a signed answer.
  expect(refusedWith(outcome), `${reason}: ${detail}`).to.equal(REFUSAL_REASON.MODEL_REJECTED);
  if (!read.ok) expect(reason).to.equal(read.reason.code);
  else expect([...TRIAL, "SIGNATURE_UNSUPPORTED"]).to.include(reason);
  return { code: reason, detail, reachedRuntime: TRIAL.includes(reason) };
}

function inputFor(admission: Awaited<ReturnType<Enclave["admit"]>>): Uint8Array {
  if (!admission.ok) return floats([1, 2]);
  const { inputs } = decodeTensorSignature(admission.signature);
  return encodeTensorSet(inputs.map((entry) => ({ name: entry.name, tensor: honestTensor(entry) })));
}

/** Small positive numbers of the declared type and shape; a free dimension is two. */
function honestTensor({ dtype, dims }: SignatureEntry): Tensor {
  const wanted = dims.map((dim) => dim ?? FREE_DIMENSION);
  const tooLarge = wanted.reduce((product, dim) => product * dim, 1) > MAX_INPUT_ELEMENTS;
  const shape = tooLarge ? wanted.map(() => 1) : wanted;
  const count = shape.reduce((product, dim) => product * dim, 1);
  const numbers = Array.from({ length: count }, (_, i) => (i % 3) + 1);
  if (dtype === DType.string) return { dtype, dims: shape, strings: numbers.map((value) => "abc".slice(0, value)) };
  if (dtype === DType.bool) return tensorFrom({ dtype, dims: shape, values: numbers.map((value) => value === 1) });
  if (dtype === DType.int64 || dtype === DType.uint64)
    return tensorFrom({ dtype, dims: shape, values: numbers.map(BigInt) });
  return tensorFrom({ dtype, dims: shape, values: numbers });
}

/** An ordinary request to an ordinary model, whose every bit is known. @throws unless it is served and right */
export async function expectHonestService(enclave: Enclave, id: number): Promise<void> {
  const model = sumModel(1);
  const input = floats([id % 1_000, 0.5]);
  const outcome = await enclave.run(task(model, { requestId: requestId(id), input }), model);
  expect(failureOf(outcome), `honest request ${id}: ${outcome.ok ? "" : outcome.failure.detail}`).to.equal("result");
  const answer = answered(outcome);
  if (answer.kind !== "result") throw new Error(`honest request ${id} was refused by ${answer.reason}`);
  expect(answer.signer).to.equal(enclave.description.signer);
  const outputs = decodeTensorSet(answer.output).map(({ name, tensor }) => [name, numbersOf(tensor)]);
  expect(outputs, `honest request ${id}`).to.deep.equal([["y", [(id % 1_000) * 2, 1]]]);
}
