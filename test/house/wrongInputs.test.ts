import fs from "node:fs";
import path from "node:path";
import { expect } from "chai";
import { ROOT } from "./support";

/** A test file, a piece of a test's title in it, and the code by which it knows the error. */
type Shown = readonly [file: string, title: string, code: string];

const HUB = "test/contracts/InferenceHub";
const PIPE_CONTRACTS = "test/contracts/Pipe";
const EXECUTOR = "test/executor";
const PIPE = "test/executor/pipe";
const KEYS = "passes on why the registry does not vouch for a key";
const SIGNED = "refuses a statement signed for another request, requester, model, input, context, profile or fee";
/** A test for each vector; as it stands in the file. */
const VECTOR = ["refuses $", "{vector.name} as $", "{vector.code}"].join("");
/** A test for each error of the forwarder; as it stands in the file. */
const FORWARDER = ["refuses at once what the forwarder refuses by $", "{name}"].join("");
const NO_CHAIN = "refuses transactions that no chain would take, each by its code";
const REFUSED_BYTES = "refuses what is malformed, unprotected or of another chain";
const MALFORMED = "refuses malformed and mismatching input before running, with its signature";

/** The same of transactions and intents that are given to PIPE. */
const WRONG_INPUTS_OF_PIPE: Readonly<Record<string, readonly Shown[]>> = {
  "bad RLP": [
    ["test/e2e/pipe.test.ts", NO_CHAIN, "PIPE_TRANSACTION_MALFORMED"],
    [`${PIPE}/transaction.test.ts`, REFUSED_BYTES, "PIPE_TRANSACTION_MALFORMED"],
  ],
  "wrong chain id": [
    [`${PIPE}/transaction.test.ts`, REFUSED_BYTES, "PIPE_WRONG_CHAIN"],
    [`${PIPE}/transaction.test.ts`, REFUSED_BYTES, "PIPE_TRANSACTION_UNPROTECTED"],
    [
      `${EXECUTOR}/client/pipe.test.ts`,
      "good for the deployment's chain alone, and never for all chains",
      "CHAIN_INVALID",
    ],
  ],
  "nonce too low": [
    ["test/e2e/pipe.test.ts", NO_CHAIN, "PIPE_NONCE_TOO_LOW"],
    [`${PIPE}/lanes.test.ts`, "refuses a nonce that is mined, and one too far ahead", "PIPE_NONCE_TOO_LOW"],
    [`${EXECUTOR}/intake/jsonRpcFront.test.ts`, "in the words by which wallets know it", "PIPE_NONCE_TOO_LOW"],
  ],
  "nonce gapped": [
    ["test/e2e/pipe.test.ts", NO_CHAIN, "PIPE_NONCE_GAP"],
    [`${PIPE}/engineTrouble.test.ts`, "gives back what waits for a nonce that does not come", "PIPE_NONCE_GAP"],
  ],
  "balance too small": [
    ["test/e2e/pipe.test.ts", NO_CHAIN, "PIPE_BALANCE_TOO_LOW"],
    [`${PIPE}/lanes.test.ts`, "asks the balance to cover all that is held", "PIPE_BALANCE_TOO_LOW"],
  ],
  "intent replayed": [
    ["test/e2e/pipeWays.test.ts", "intent: a signature is enough", "PIPE_INTENT_NONCE_USED"],
    [`${PIPE}/intents.test.ts`, FORWARDER, "PIPE_INTENT_NONCE_USED"],
    [`${PIPE_CONTRACTS}/intents.test.ts`, "executes an intent once, in whatever order nonces come", "IntentNonceUsed"],
  ],
  "intent expired": [
    [`${PIPE}/intents.test.ts`, FORWARDER, "PIPE_INTENT_EXPIRED"],
    [`${PIPE_CONTRACTS}/intents.test.ts`, "executes up to the deadline and not after it", "IntentExpired"],
  ],
  "intent of a wrong signer": [
    [`${PIPE}/intents.test.ts`, FORWARDER, "PIPE_INTENT_SIGNATURE"],
    [`${PIPE_CONTRACTS}/intents.test.ts`, "signature over exactly this intent", "IntentSignatureInvalid"],
    [`${EXECUTOR}/client/pipe.test.ts`, "is not signed with another account's key", "CLIENT_PIPE_SIGNATURE_INVALID"],
  ],
  "intent aimed at a forbidden target": [
    [`${PIPE}/intents.test.ts`, FORWARDER, "PIPE_INTENT_FORBIDDEN"],
    [
      `${PIPE_CONTRACTS}/intents.test.ts`,
      "refuses the hub, the registry and itself as targets",
      "IntentTargetForbidden",
    ],
    [`${PIPE_CONTRACTS}/intents.test.ts`, "refuses a target that does not trust it", "IntentTargetDoesNotTrust"],
  ],
  "balance or allowance empty": [
    ["test/e2e/pipeWays.test.ts", "raw: the sender's grant to this operator pays", "PIPE_GRANT_TOO_LOW"],
    [
      `${PIPE}/releaser.test.ts`,
      "refuses the one whose grant is too low, and none of the others",
      "PIPE_GRANT_TOO_LOW",
    ],
    [`${PIPE}/intents.test.ts`, FORWARDER, "PIPE_INTENT_BALANCE"],
    [`${PIPE_CONTRACTS}/fees.test.ts`, "give no more than they hold", "HubGrantTooLow"],
    [`${PIPE_CONTRACTS}/fees.test.ts`, "without enough of both nothing happens", "HubCreditTooLow"],
    [`${PIPE_CONTRACTS}/intents.test.ts`, "nor more than the balance", "IntentBalanceTooLow"],
  ],
  "PIPE: unknown model": [
    ["test/e2e/pipe.test.ts", "models and inputs that no enclave answers", "PIPE_INFERENCE_REFUSED"],
  ],
  "PIPE: input of the wrong type": [
    ["test/e2e/pipe.test.ts", "models and inputs that no enclave answers", "const mismatched"],
  ],
  "endless rounds": [
    ["test/e2e/pipe.test.ts", "refuses endless questions", "PIPE_BOUND_REACHED"],
    [`${PIPE}/planner.test.ts`, "ends endless questions at the bound of rounds", "PIPE_BOUND_REACHED"],
  ],
  "simulation that reverts for its own reasons": [
    [
      "test/e2e/pipe.test.ts",
      "refuses what would fail for its own reasons, decoded, and holds nothing",
      "ProgramOdd()",
    ],
    [`${PIPE}/planner.test.ts`, "gives back why a transaction fails", "PIPE_TRANSACTION_REVERTS"],
    [`${PIPE}/engine.test.ts`, "refused for its own reasons, and nothing of it is kept", "PIPE_TRANSACTION_REVERTS"],
    [`${EXECUTOR}/client/pipe.test.ts`, "is told apart by what it says", "CLIENT_PIPE_REVERTS"],
  ],
  "result expired between release and inclusion": [
    [`${PIPE}/watcher.test.ts`, "what the node dropped, and what lost its results", '"expired"'],
    [`${PIPE}/planner.test.ts`, "runs anew what the hub does not take", "PIPE_INFERENCE_UNAVAILABLE"],
    [`${PIPE_CONTRACTS}/present.test.ts`, "what is published is there until it expires", "InferenceRequired"],
  ],
  "transaction replaced by the wallet": [
    [`${PIPE}/engine.test.ts`, "drops what is still planned, and tells its sender", "PIPE_REPLACEMENT_UNDERPRICED"],
    [`${PIPE}/engine.test.ts`, "watches both where the old one is out", '"replaced"'],
    [`${PIPE}/lanes.test.ts`, "replaces only for a tenth more of both fees", "PIPE_REPLACEMENT_UNDERPRICED"],
    [`${PIPE}/watcher.test.ts`, "says replaced where another used the nonce", '"replaced"'],
  ],
  "engine overloaded": [
    [`${PIPE}/engine.test.ts`, "takes no more at once than there is room for", "PIPE_OVERLOADED"],
    [`${PIPE}/engine.test.ts`, "limits each sender", "PIPE_ACCOUNT_LIMIT"],
    [`${PIPE}/accounts.test.ts`, "refuses what goes over, says when there is more", "PIPE_ACCOUNT_LIMIT"],
    [`${EXECUTOR}/intake/jsonRpcFront.test.ts`, "comes back refused with our code", "PIPE_OVERLOADED"],
  ],
};

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
    [
      "test/contracts/gas/batch.test.ts",
      "callbacks that revert, burn or return a megabyte spoil no other item",
      "Fulfilled",
    ],
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
  for (const [item, tests] of Object.entries({ ...WRONG_INPUTS, ...WRONG_INPUTS_OF_PIPE })) {
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
