import { expect } from "chai";
import { Signature, verifyTypedData } from "ethers";
import { ZERO_32, ZERO_ADDRESS } from "../../../executor/domain/ids";
import type { EnclaveConfig } from "../../../executor/enclave/config";
import { LAUNCHERS } from "../../../executor/enclave/levels";
import type { DevelopmentPlatform } from "../../../executor/enclave/platform/platform";
import type { Enclave } from "../../../executor/enclave/ports";
import { startEnclave } from "../../../executor/enclave/supervisor";
import { bytesToHex } from "../../../executor/protocol/bytes";
import { verifyDevelopmentDocument } from "../../../executor/protocol/nitroDocumentVerify";
import { domainSeparator, keccak256, REFUSAL_REASON } from "../../../executor/protocol/statement";
import { decodeTensorSet, encodeTensorSet } from "../../../executor/protocol/tensorSet";
import { decodeTensorSignature } from "../../../executor/protocol/tensorSignature";
import { DType } from "../../../executor/protocol/tensorType";
import { numbersOf, tensorFrom } from "../../../executor/protocol/tensorValues";
import { decodeUserData } from "../../../executor/protocol/userData";
import {
  answered,
  CHAIN,
  enclaveConfig,
  failureOf,
  floats,
  REQUESTER,
  refusedWith,
  requestId,
  sha256,
  task,
} from "./support/enclave";
import { identityModel, onnxFile, sumModel } from "./support/onnx";

const HUB_DOMAIN = { name: "Assay", version: "1", chainId: CHAIN.chainId, verifyingContract: CHAIN.hub };
const RESULT = {
  ResultStatement: [
    ...["requestId", "modelHash", "inputHash", "outputHash", "contextRoot", "runtimeProfile"].map((name) => ({
      name,
      type: "bytes32",
    })),
    { name: "requester", type: "address" },
    { name: "feeWei", type: "uint96" },
    { name: "issuedAt", type: "uint64" },
    { name: "expiresAt", type: "uint64" },
  ],
};
const TIMES = [
  { name: "issuedAt", type: "uint64" },
  { name: "expiresAt", type: "uint64" },
];

const compact = (proof: Uint8Array): Signature => Signature.from(bytesToHex(proof));

/** Every way of running an enclave that this machine offers; level 0 always works. */
const WAYS: readonly { readonly name: string; readonly config: Partial<EnclaveConfig> }[] = [
  ...LAUNCHERS.map(({ name, level }) => ({
    name: `level ${level} by ${name}`,
    config: { minimumLevel: level, launcher: name },
  })),
  { name: "level 0 in this process", config: { minimumLevel: 0 as const } },
];

for (const way of WAYS) {
  describe(`an enclave at ${way.name}`, function () {
    this.timeout(60_000);
    let enclave: Enclave;
    const config = enclaveConfig(way.config);
    const model = sumModel(1);

    before(async function () {
      const wanted = LAUNCHERS.find(({ name }) => name === way.config.launcher);
      const missing = wanted?.unavailable();
      if (missing !== undefined) {
        console.log(`      skipped: ${missing}`);
        this.skip();
      }
      enclave = await startEnclave(config);
    });
    after(async () => enclave?.close());

    it("signs a result that verifies under the hub's domain", async () => {
      const { input, ...asked } = task(model, { requestId: requestId(101) });
      const answer = answered(await enclave.run({ ...asked, input }, model));
      if (answer.kind !== "result") throw new Error(answer.kind);
      expect(decodeTensorSet(answer.output).map(({ name, tensor }) => [name, numbersOf(tensor)])).to.deep.equal([
        ["y", [2, 4]],
      ]);
      expect(answer.outputHash).to.equal(keccak256(answer.output));
      const statement = {
        requestId: asked.requestId,
        modelHash: asked.modelHash,
        inputHash: keccak256(input),
        outputHash: answer.outputHash,
        contextRoot: ZERO_32,
        runtimeProfile: enclave.description.runtimeProfile,
        requester: REQUESTER,
        feeWei: 0n,
        issuedAt: 5_000,
        expiresAt: 10_000,
      };
      expect(answer.proof.length).to.equal(64);
      expect(verifyTypedData(HUB_DOMAIN, RESULT, statement, compact(answer.proof)).toLowerCase()).to.equal(
        enclave.description.signer,
      );
      expect([answer.issuedAt, answer.expiresAt, answer.signer]).to.deep.equal([
        5_000,
        10_000,
        enclave.description.signer,
      ]);
    });

    it("signs a portable result when there is no request", async () => {
      const outcome = await enclave.run(
        task(model, { requestId: ZERO_32, requester: ZERO_ADDRESS, feeWei: 7n }),
        model,
      );
      expect(answered(outcome).kind).to.equal("result");
    });

    it("attests its key, its measurements and what it is bound to", async () => {
      const nonce = Buffer.alloc(40, 7);
      const claims = verifyDevelopmentDocument(
        await enclave.attest({ nonce }),
        (config.platform as DevelopmentPlatform).rootKey,
      );
      const { description } = enclave;
      expect(Buffer.from(claims.publicKey)).to.deep.equal(Buffer.from(description.publicKey));
      expect(Buffer.from(claims.nonce)).to.deep.equal(nonce);
      expect([0, 1, 2].map((i) => bytesToHex(claims.pcrs.get(i) as Uint8Array))).to.deep.equal(
        [description.pcrs.pcr0, description.pcrs.pcr1, description.pcrs.pcr2].map(bytesToHex),
      );
      expect(claims.moduleId).to.equal(`assay-${description.imageId.slice(2, 18)}`);
      expect(decodeUserData(claims.userData)).to.deep.equal({
        level: description.level,
        hardwareRooted: false,
        chainId: CHAIN.chainId,
        registry: CHAIN.registry,
        hubDomain: domainSeparator({ name: "Assay", chainId: CHAIN.chainId, contract: CHAIN.hub }),
        operator: CHAIN.operator,
        payout: CHAIN.payout,
        endpointHash: keccak256(new Uint8Array()),
        keyConfigHash: keccak256(description.keyConfig),
        runtimeProfile: description.runtimeProfile,
      });
      expect(description.keyConfig.length).to.equal(41);
    });

    it("signs the admission of a model with its tensor signature", async () => {
      const outcome = await enclave.admit({ modelHash: sha256(model), model, chainNow: 5_000, notAfter: 9_000 });
      if (!outcome.ok) throw new Error(outcome.reason);
      const signature = decodeTensorSignature(outcome.signature);
      expect(signature).to.deep.equal({
        inputs: [{ name: "x", dtype: 1, dims: [2] }],
        outputs: [{ name: "y", dtype: 1, dims: [2] }],
      });
      const types = {
        Admission: [{ name: "modelHash", type: "bytes32" }, { name: "signatureHash", type: "bytes32" }, ...TIMES],
      };
      const message = {
        modelHash: sha256(model),
        signatureHash: outcome.signatureHash,
        issuedAt: 5_000,
        expiresAt: 9_000,
      };
      expect(verifyTypedData(HUB_DOMAIN, types, message, compact(outcome.proof)).toLowerCase()).to.equal(
        enclave.description.signer,
      );
    });

    it("signs heartbeats under the registry's domain, with a counter that must rise", async () => {
      const blockHash = requestId(9);
      const proof = await enclave.heartbeat({ counter: 3n, blockNumber: 12n, blockHash });
      const types = {
        Heartbeat: [
          { name: "signer", type: "address" },
          { name: "counter", type: "uint64" },
          { name: "blockNumber", type: "uint64" },
          { name: "blockHash", type: "bytes32" },
        ],
      };
      const domain = { ...HUB_DOMAIN, name: "AssayRegistry", verifyingContract: CHAIN.registry };
      const message = { signer: enclave.description.signer, counter: 3n, blockNumber: 12n, blockHash };
      expect(verifyTypedData(domain, types, message, compact(proof)).toLowerCase()).to.equal(
        enclave.description.signer,
      );
      const error = await enclave.heartbeat({ counter: 3n, blockNumber: 13n, blockHash }).catch((e) => e);
      expect([error.code, error.context.reason]).to.deep.equal(["ENCLAVE_REFUSED", "COUNTER_NOT_RISING"]);
    });

    it("refuses malformed and mismatching input before running, with its signature", async () => {
      const double = encodeTensorSet([
        { name: "x", tensor: tensorFrom({ dtype: DType.double, dims: [2], values: [1, 2] }) },
      ]);
      const otherRank = encodeTensorSet([
        { name: "x", tensor: tensorFrom({ dtype: DType.float, dims: [1, 2], values: [1, 2] }) },
      ]);
      const cases: [number, Uint8Array, number][] = [
        [201, Uint8Array.of(1, 2, 3), REFUSAL_REASON.INPUT_MALFORMED],
        [202, Buffer.concat([floats([1, 2]), Buffer.from([0])]), REFUSAL_REASON.INPUT_MALFORMED],
        [203, floats([1, 2, 3]), REFUSAL_REASON.INPUT_MISMATCH],
        [204, floats([1, 2], "z"), REFUSAL_REASON.INPUT_MISMATCH],
        [205, double, REFUSAL_REASON.INPUT_MISMATCH],
        [206, otherRank, REFUSAL_REASON.INPUT_MISMATCH],
      ];
      for (const [n, input, reason] of cases) {
        const answer = answered(await enclave.run(task(model, { requestId: requestId(n), input }), model));
        if (answer.kind !== "refusal") throw new Error(`case ${n}: ${answer.kind}`);
        expect(answer.reason, `case ${n}`).to.equal(reason);
        const types = {
          Refusal: [{ name: "requestId", type: "bytes32" }, { name: "reason", type: "uint16" }, ...TIMES],
        };
        const message = { requestId: requestId(n), reason, issuedAt: answer.issuedAt, expiresAt: answer.expiresAt };
        expect(verifyTypedData(HUB_DOMAIN, types, message, compact(answer.proof)).toLowerCase()).to.equal(
          enclave.description.signer,
        );
      }
    });

    it("refuses a model that is not admitted, and says why to who asked for the admission", async () => {
      const random = onnxFile({
        nodes: [{ op: "RandomNormalLike", inputs: ["x"], outputs: ["y"] }],
        inputs: [{ name: "x", type: 1, dims: [2] }],
        outputs: [{ name: "y", type: 1, dims: [2] }],
      });
      expect(refusedWith(await enclave.run(task(random, { requestId: requestId(211) }), random))).to.equal(
        REFUSAL_REASON.MODEL_REJECTED,
      );
      const outcome = await enclave.admit({ modelHash: sha256(random), model: random, chainNow: 1, notAfter: 2 });
      expect(outcome.ok ? "admitted" : outcome.reason).to.equal("ONNX_OPERATOR_RANDOM");
      const unknown = onnxFile({
        nodes: [{ op: "NoSuchOperator", inputs: ["x"], outputs: ["y"] }],
        inputs: [{ name: "x", type: 1, dims: [2] }],
        outputs: [{ name: "y", type: 1, dims: [2] }],
      });
      expect(refusedWith(await enclave.run(task(unknown, { requestId: requestId(212) }), unknown))).to.equal(
        REFUSAL_REASON.MODEL_REJECTED,
      );
    });

    it("does not take bytes under another model's hash", async () => {
      const other = sumModel(5);
      expect(failureOf(await enclave.run(task(other, { requestId: requestId(221) }), sumModel(4)))).to.equal(
        "MODEL_UNAVAILABLE",
      );
    });

    it("signs one answer per request id: the same again, another one never", async () => {
      const asked = task(model, { requestId: requestId(301) });
      expect(failureOf(await enclave.run(asked, model))).to.equal("result");
      expect(failureOf(await enclave.run({ ...asked, chainNow: 6_000 }, model))).to.equal("result");
      expect(failureOf(await enclave.run({ ...asked, input: floats([3, 4]) }, model))).to.equal("ALREADY_SIGNED_OTHER");
      expect(failureOf(await enclave.run({ ...asked, requester: CHAIN.operator }, model))).to.equal(
        "ALREADY_SIGNED_OTHER",
      );
      const refusal = await enclave
        .signRefusal({ requestId: requestId(301), reason: "MODEL_UNKNOWN", chainNow: 1, notAfter: 9 })
        .catch((e) => e);
      expect(refusal.context?.reason).to.equal("ALREADY_SIGNED_OTHER");
    });

    it("lets only one of two answers to one id through when both are in flight", async () => {
      const asked = task(model, { requestId: requestId(302) });
      const outcomes = await Promise.all([
        enclave.run(asked, model),
        enclave.run({ ...asked, input: floats([8, 9]) }, model),
      ]);
      expect(outcomes.map(failureOf).sort()).to.deep.equal(["ALREADY_SIGNED_OTHER", "result"]);
    });

    it("signs a refusal on the executor's word only for an unknown model", async () => {
      const signed = await enclave.signRefusal({
        requestId: requestId(311),
        reason: "MODEL_UNKNOWN",
        chainNow: 5,
        notAfter: 9,
      });
      expect(signed.reason).to.equal(REFUSAL_REASON.MODEL_UNKNOWN);
      const run = { modelHash: sha256(model), inputHash: requestId(1) };
      const error = await enclave
        .signRefusal({ requestId: requestId(312), reason: "RUN_LIMIT", run, chainNow: 5, notAfter: 9 })
        .catch((e) => e);
      expect(error.context?.reason).to.equal("NOT_SEEN");
    });

    it("refuses a window that is over, and a task that is neither bound nor portable", async () => {
      expect(
        failureOf(await enclave.run(task(model, { requestId: requestId(321), chainNow: 10_000 }), model)),
      ).to.equal("ABORTED");
      expect(failureOf(await enclave.run(task(model, { requestId: requestId(322), feeWei: 1n }), model))).to.equal(
        "ABORTED",
      );
      expect(failureOf(await enclave.run(task(model, { requestId: ZERO_32 }), model))).to.equal("ABORTED");
    });

    it("serves many requests at once and keeps them apart", async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 40 }, (_, i) => {
          const salt = 1 + (i % 2);
          const file = sumModel(salt);
          return enclave.run(task(file, { requestId: requestId(400 + i), input: floats([i, 1]) }), file);
        }),
      );
      const values = outcomes.map((outcome) => {
        const answer = answered(outcome);
        return answer.kind === "result"
          ? numbersOf(decodeTensorSet(answer.output)[0]?.tensor as never)[0]
          : answer.kind;
      });
      expect(values).to.deep.equal(Array.from({ length: 40 }, (_, i) => i * (2 + (i % 2))));
      expect((await enclave.status()).inFlight).to.equal(0);
    });

    it("carries every type, scalars, empty and rank-8 tensors, NaN, -0 and text unchanged", async () => {
      for (let dtype = 1; dtype <= 13; dtype++) {
        for (const dims of [[], [0, 2], [1, 2, 1, 1, 1, 1, 1, 2]]) {
          const count = dims.reduce((p, d) => p * d, 1);
          const width = [0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8][dtype] as number;
          const data = Uint8Array.from({ length: count * width }, (_, i) =>
            dtype === 9 ? i % 2 : (i * 37 + 11) % 120,
          );
          const tensor =
            dtype === 8
              ? { dtype: 8 as const, dims, strings: Array.from({ length: count }, (_, i) => `é${i}\u{1F600}`) }
              : { dtype: dtype as 1, dims, data };
          const file = identityModel(dtype, dims.length === 2 ? ["n", 2] : dims);
          const input = encodeTensorSet([{ name: "x", tensor }]);
          const answer = answered(
            await enclave.run(task(file, { requestId: requestId(1_000 + dtype * 10 + dims.length), input }), file),
          );
          if (answer.kind !== "result")
            throw new Error(`type ${dtype} rank ${dims.length}: refused by ${answer.reason}`);
          const expected = encodeTensorSet([{ name: "y", tensor }]);
          expect(bytesToHex(answer.output), `type ${dtype} rank ${dims.length}`).to.equal(bytesToHex(expected));
        }
      }
    });

    it("makes the NaNs of outputs canonical and keeps -0", async () => {
      const file = identityModel(1, [3]);
      const words = Buffer.alloc(12);
      words.writeUInt32LE(0xffc12345, 0);
      words.writeUInt32LE(0x80000000, 4);
      words.writeUInt32LE(0x00000001, 8);
      const input = encodeTensorSet([{ name: "x", tensor: { dtype: 1, dims: [3], data: words } }]);
      const answer = answered(await enclave.run(task(file, { requestId: requestId(1_500), input }), file));
      if (answer.kind !== "result") throw new Error(answer.kind);
      const tensor = decodeTensorSet(answer.output)[0]?.tensor;
      if (tensor === undefined || tensor.dtype === DType.string) throw new Error("no floats came back");
      const data = Buffer.from(tensor.data);
      expect([0, 4, 8].map((offset) => data.readUInt32LE(offset))).to.deep.equal([0x7fc00000, 0x80000000, 1]);
    });
  });
}
