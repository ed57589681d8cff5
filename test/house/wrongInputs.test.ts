import fs from "node:fs";
import path from "node:path";
import { expect } from "chai";
import { ROOT } from "./support";

/** A test file, a piece of a test's title in it, and the code by which it knows the error. */
type Shown = readonly [file: string, title: string, code: string];

const HUB = "test/contracts/InferenceHub";
const EXECUTOR = "test/executor";
const KEYS = "passes on why the registry does not vouch for a key";
const SIGNED = "refuses a statement signed for another request, requester, model, input, context, profile or fee";
/** A test for each vector; as it stands in the file. */
const VECTOR = ["refuses $", "{vector.name} as $", "{vector.code}"].join("");
const MALFORMED = "refuses malformed and mismatching input before running, with its signature";

/** Every wrong input that must end in a clear error with nothing lost, and the tests that show it. */
const WRONG_INPUTS: Readonly<Record<string, readonly Shown[]>> = {
  "unknown model": [
    ["test/e2e/mainJob.test.ts", "a model that nobody has", "MODEL_UNKNOWN"],
    [`${HUB}/refuse.test.ts`, "ends the request, publishes the reason, pays the fee", "Refused"],
  ],
  "wrong type, rank or shape": [
    [`${EXECUTOR}/enclave/enclave.test.ts`, MALFORMED, "INPUT_MISMATCH"],
    ["test/e2e/mainJob.test.ts", "an input for another model", "INPUT_MISMATCH"],
  ],
  "too large: model": [
    [`${EXECUTOR}/protocol/onnx/admission.test.ts`, "applies each limit that it is given", "ONNX_TOO_LARGE"],
    [`${EXECUTOR}/availability/folderSource.test.ts`, "it is too large, not that it is missing", "MODEL_TOO_LARGE"],
  ],
  "too large: input": [
    [`${EXECUTOR}/enclave/strongest.test.ts`, "refuses an input that no frame can carry", "MODEL_UNAVAILABLE"],
    [`${EXECUTOR}/protocol/tensor.test.ts`, "too many elements", "TENSOR_TOO_LARGE"],
  ],
  "too large: output": [[`${EXECUTOR}/enclave/strongest.test.ts`, "refuses an output above the limit", "RUN_LIMIT"]],
  "deadline passed": [
    [`${HUB}/fulfill.test.ts`, "lands at the deadline and not a second later", "HubDeadlinePassed"],
    [`${HUB}/request.test.ts`, "takes deadlines from the next second up to 30 days", "HubDeadlineInvalid"],
  ],
  "deadline too near": [
    [`${EXECUTOR}/app/chooser.test.ts`, "keeps the time for posting clear before the deadline", "DEADLINE_TOO_CLOSE"],
    [`${EXECUTOR}/matching/match.test.ts`, "and only that, which", "DEADLINE_TOO_CLOSE"],
  ],
  "too little value": [
    [`${EXECUTOR}/app/chooser.test.ts`, "serves what pays its gas at the price of the last block", "REWARD_TOO_LOW"],
    [`${HUB}/request.test.ts`, "refuses a refusal fee above the reward", "HubRefusalFeeTooHigh"],
    ["test/contracts/examples/VolatilityVault.test.ts", "takes exactly the reward", "VaultValueWrong"],
  ],
  "result replayed": [
    [`${HUB}/fulfill.test.ts`, "lands once", "HubRequestNotOpen"],
    [`${HUB}/batch.test.ts`, "rejects what comes after its deadline, and the same item twice", "NOT_OPEN"],
  ],
  "result for another chain or contract": [
    [`${HUB}/fulfill.test.ts`, "refuses a signature made for another chain, hub or domain", "HubSignerNotUsable"],
    [`${HUB}/split.test.ts`, "voids signatures of the old side", "HubSignerNotUsable"],
  ],
  "result for another request, requester, model or context": [
    [`${HUB}/fulfill.test.ts`, SIGNED, "HubSignerNotUsable"],
    [`${HUB}/verify.test.ts`, "compares every expectation", "HubContextMismatch"],
    [`${HUB}/verify.test.ts`, "takes a statement made for the caller", "HubNotForCaller"],
  ],
  "result of another mode": [
    [`${HUB}/verify.test.ts`, "takes no half-portable statement", "HubNotForCaller"],
    [`${HUB}/fulfill.test.ts`, SIGNED, "requestId: ZeroHash, requester: ZeroAddress"],
    [`${EXECUTOR}/enclave/enclave.test.ts`, "a task that is neither bound nor portable", "ABORTED"],
  ],
  "result back-dated or too long-lived": [
    [`${HUB}/fulfill.test.ts`, "bounds what a statement claims about time", "HubLifetimeTooLong"],
    [`${HUB}/fulfill.test.ts`, "no time that a statement claims makes a closed key valid", "SIGNER_CLOSED"],
    [`${HUB}/verify.test.ts`, "bounds the statement's times and its age", "HubStatementTooOld"],
  ],
  "signer unknown": [[`${HUB}/fulfill.test.ts`, KEYS, "SIGNER_UNKNOWN"]],
  "signer expired": [[`${HUB}/fulfill.test.ts`, "whose epoch has ended", "EPOCH_ENDED"]],
  "signer revoked": [[`${HUB}/fulfill.test.ts`, KEYS, "IMAGE_REVOKED"]],
  "heartbeat overdue": [[`${HUB}/fulfill.test.ts`, "whose heartbeat is overdue", "HEARTBEAT_OVERDUE"]],
  "trust too low": [
    [`${HUB}/fulfill.test.ts`, KEYS, "TRUST_TOO_LOW"],
    [`${EXECUTOR}/matching/match.test.ts`, "and only that, which", "TRUST_TOO_LOW"],
  ],
  "output changed by one bit": [
    [`${HUB}/fulfill.test.ts`, "refuses an output changed by one bit, cut, extended or emptied", "HubSignerNotUsable"],
    [`${HUB}/verify.test.ts`, "refuses another output and every field changed after signing", "HubOutputMismatch"],
  ],
  "malformed or trailing bytes: statement": [
    [`${HUB}/fulfill.test.ts`, "takes exactly one form of signature", "HubBadProof"],
    [`${HUB}/request.test.ts`, "refuses terms that are not canonical", "HubTermsMalformed"],
  ],
  "malformed or trailing bytes: tensor": [
    [`${EXECUTOR}/enclave/enclave.test.ts`, MALFORMED, "INPUT_MALFORMED"],
    ["test/e2e/mainJob.test.ts", "an input with trailing bytes", "INPUT_MALFORMED"],
    ["test/vectors/tensorSet.json", "name", "TENSOR_SET_TRAILING_BYTES"],
    ["test/contracts/tensor/TensorCodec.test.ts", VECTOR, "vector.code"],
    [`${EXECUTOR}/protocol/tensorSet.test.ts`, VECTOR, "vector.code"],
  ],
  "malformed or trailing bytes: attestation": [
    ["test/vectors/attestation.json", "name", "CBOR_TRAILING_BYTES"],
    ["test/contracts/attestation/NitroDocument.test.ts", VECTOR, "vector.code"],
    [`${EXECUTOR}/protocol/nitroDocument.test.ts`, VECTOR, "vector.code"],
  ],
  "callback that attacks": [
    [`${HUB}/callback.test.ts`, "blocks no payment and is recorded", "CallbackFailed"],
    [`${HUB}/callback.test.ts`, "can not be landed, refunded or refused again", "HubRequestNotOpen"],
    [`${HUB}/batch.test.ts`, "callbacks that revert, burn or return a megabyte spoil no other item", "Fulfilled"],
  ],
  "corrupt model file": [
    [`${EXECUTOR}/availability/fileBlobStore.test.ts`, "calls a file that was cut short corrupt", "BLOB_CORRUPT"],
    [`${EXECUTOR}/enclave/enclave.test.ts`, "does not take bytes under another model's hash", "MODEL_UNAVAILABLE"],
    [`${EXECUTOR}/cli/cli.test.ts`, "refuses bytes that are none with the reason", "admitted"],
    [`${EXECUTOR}/enclave/mutatedModels.test.ts`, "each end in a typed outcome", "LOAD_FAILED"],
  ],
  "unknown flag": [
    [`${EXECUTOR}/cli/cli.test.ts`, "a flag of the executor that is none", "CONFIG_UNKNOWN_FLAG"],
    [`${EXECUTOR}/config/loadConfig.test.ts`, "names the nearest flag, variable and key", "CONFIG_UNKNOWN_FLAG"],
  ],
  "bad address": [
    [`${EXECUTOR}/cli/cli.test.ts`, "an address that is none", "ID_MALFORMED"],
    [`${EXECUTOR}/cli/cli.test.ts`, "an RPC address that is none", "CLI_RPC_URL_INVALID"],
  ],
  "missing deployment": [
    [`${EXECUTOR}/cli/cli.test.ts`, "a deployment that is not there", "DEPLOYMENT_MISSING"],
    [`${EXECUTOR}/deployment/record.test.ts`, "says what to do where it is missing, or is none", "DEPLOYMENT_MISSING"],
  ],
  "wrong chain": [
    [`${EXECUTOR}/deployment/record.test.ts`, "is refused on another chain", "DEPLOYMENT_WRONG_CHAIN"],
    [`${EXECUTOR}/cli/nodeDown.test.ts`, "says that the node is on another chain", "DEPLOYMENT_WRONG_CHAIN"],
    ["test/e2e/client.test.ts", "refuses a deployment of another chain", "DEPLOYMENT_WRONG_CHAIN"],
    ["test/e2e/mainJob.test.ts", "refuses a chain that was started anew", "DEPLOYMENT_GENESIS_MISMATCH"],
  ],
  "node not up": [
    [`${EXECUTOR}/cli/nodeDown.test.ts`, "says that no node is up", "RPC_UNREACHABLE"],
    [`${EXECUTOR}/rpc/client.test.ts`, "says which way a read failed when no address answers", "RPC_UNREACHABLE"],
  ],
  "node lost midway": [
    ["test/e2e/nodeLost.test.ts", "answers what was asked before, meanwhile and afterwards", "RPC_UNREACHABLE"],
    [`${EXECUTOR}/posting/transactions.test.ts`, "even where the node can not be reached", "down"],
  ],
  "node answering an empty log list": [
    [`${EXECUTOR}/intake/follower.test.ts`, "takes the receipts' word over an empty log list", "hidesLogs"],
    [`${EXECUTOR}/rpc/client.test.ts`, "takes a missing answer for a failed read", "RPC_ANSWER_MALFORMED"],
  ],
  "port taken": [
    [`${EXECUTOR}/observability/healthServer.test.ts`, "says that a port is taken", "OBSERVABILITY_PORT_TAKEN"],
  ],
  "store locked": [
    [`${EXECUTOR}/jobs/sqliteStore.test.ts`, "refuses a second daemon with the pid of the first", "STORE_LOCKED"],
    ["test/e2e/mainJob.test.ts", "refuses a second daemon on the same store", "STORE_LOCKED"],
  ],
  "store from a newer version": [
    [`${EXECUTOR}/jobs/sqliteStore.test.ts`, "refuses a store of a newer release", "STORE_VERSION_NEWER"],
  ],
  "disk full": [
    [`${EXECUTOR}/jobs/fullDisk.test.ts`, "says so by its code and what to do", "STORE_DISK_FULL"],
    [`${EXECUTOR}/jobs/fullDisk.test.ts`, "keeps everything that was confirmed", "STORE_DISK_FULL"],
  ],
  "keystore with a wrong password": [
    [`${EXECUTOR}/keystore/keystore.test.ts`, "tells a wrong password from a file", "KEYSTORE_WRONG_PASSWORD"],
    [`${EXECUTOR}/app/keys.test.ts`, "tells a wrong password from a keystore", "KEYSTORE_WRONG_PASSWORD"],
  ],
};

describe("house/wrong inputs", () => {
  for (const [item, tests] of Object.entries(WRONG_INPUTS)) {
    it(`${item}: has tests that know the error by its code`, () => {
      for (const [file, title, code] of tests) {
        const text = fs.readFileSync(path.join(ROOT, file), "utf8");
        expect(text.includes(title), `${file} lacks the test "${title}"`).to.equal(true);
        expect(text.includes(code), `${file} does not look for ${code}`).to.equal(true);
        expect(text, `${file} leaves tests out`).to.not.match(/\b(?:it|describe)\.(?:only|skip)\b/);
      }
    });
  }
});
