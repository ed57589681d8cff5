import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { id, type Signer } from "ethers";
import hre from "hardhat";
import { contractOf, deployAssay } from "../../../executor/deployment/deploy";
import { address } from "../../../executor/domain/ids";
import { measure } from "../../../executor/enclave/measure/measure";
import { ephemeralPlatform } from "../../../executor/enclave/platform/platform";
import { locateImage } from "../../../executor/enclave/sandbox/image";
import { startEnclave } from "../../../executor/enclave/supervisor";
import { bytesToHex } from "../../../executor/protocol/bytes";
import { encodeTensorSet, type NamedTensor } from "../../../executor/protocol/tensorSet";
import { DType } from "../../../executor/protocol/tensorType";
import { tensorFrom } from "../../../executor/protocol/tensorValues";
import { encodeTerms, standardTerms } from "../../../executor/protocol/terms";
import { startAssay, type TestingAssay } from "../../../executor/testing/index";

const model = (name: string): string =>
  `0x${JSON.parse(readFileSync(join(__dirname, "..", "..", "..", "models", name, "model.json"), "utf8")).sha256.replace(/^0x/, "")}`;

describe("assay/testing", function () {
  this.timeout(120_000);
  let assay: TestingAssay;
  let salts = 0;
  before(async () => {
    const [deployer, operator] = await hre.ethers.getSigners();
    assay = await startAssay({ deployer, operator } as never);
  });
  after(() => assay?.close());

  const ask = async (modelHash: string, input: readonly NamedTensor[]) => {
    const [, , asker] = await hre.ethers.getSigners();
    const deadline = ((await hre.ethers.provider.getBlock("latest"))?.timestamp ?? 0) + 600;
    const terms = bytesToHex(encodeTerms(standardTerms({ deadline, minTrust: 0 })));
    const hub = assay.hub.connect(asker ?? null) as typeof assay.hub;
    return hub
      .getFunction("request")
      .send(modelHash, bytesToHex(encodeTensorSet(input)), terms, id(String(salts++)), { value: 10n ** 15n });
  };

  it("deploys, answers what a contract asked with the real model, and runs its callback", async () => {
    const desk = await hre.ethers.deployContract("ConsumerHarness", [assay.hub.target, assay.policy]);
    const features = [-3.6, -3.5, -3.4, -3.4, -3.5, -3.4, 0.001, 0.002, -0.05, 0.1, 0, -1, 0];
    const tensor = tensorFrom({ dtype: DType.float, dims: [1, 13], values: features });
    const input = encodeTensorSet([{ name: "features", tensor }]);
    const answer = await assay.fulfill(
      await desk
        .getFunction("ask")
        .send(model("eth_volatility"), bytesToHex(input), assay.hub.target, { value: 10n ** 15n }),
    );
    expect(answer.kind).to.equal("fulfilled");
    const [output] = answer.kind === "fulfilled" ? answer.outputs : [];
    expect(output?.name).to.equal("daily_volatility");
    expect(await desk.getFunction("isPending").staticCall(answer.requestId)).to.equal(false);
  });

  it("ends a request for a model that nobody has by the enclave's signed refusal", async () => {
    const tensor = tensorFrom({ dtype: DType.float, dims: [1], values: [1] });
    const answer = await assay.fulfill(await ask(id("no such model"), [{ name: "x", tensor }]));
    expect(answer).to.include({ kind: "refused", reason: "MODEL_UNKNOWN" });
  });

  it("says that a transaction asked nothing", async () => {
    const [deployer] = await hre.ethers.getSigners();
    const nothing = await deployer?.sendTransaction({ to: deployer.address });
    const error = await assay.fulfill(nothing as never).catch((caught: { code: string }) => caught);
    expect(error).to.have.property("code", "TESTING_NO_REQUEST");
  });

  it("makes documents that a production deployment refuses", async () => {
    const [deployer] = (await hre.ethers.getSigners()) as unknown as [Signer];
    const platform = ephemeralPlatform();
    const image = platform.imageIdOf((await measure(locateImage(), 0)).pcrs);
    // As in production: root and image are approved, level 0 is not.
    const record = await deployAssay({
      network: "production",
      deployer,
      rootPublicKey: platform.rootKey,
      images: [image],
    });
    const operator = address(await deployer.getAddress());
    const enclave = await startEnclave({
      chainId: BigInt(record.chainId),
      registry: record.contracts.EnclaveRegistry.address,
      hub: record.contracts.InferenceHub.address,
      operator,
      payout: operator,
      endpoint: "",
      platform,
      minimumLevel: 0,
    });
    try {
      const registration = {
        verifierIndex: 0,
        document: bytesToHex(await enclave.attest()),
        aux: "0x",
        endpoint: "",
        keyConfig: bytesToHex(enclave.description.keyConfig),
        consentDeadline: 0,
        consent: "0x",
      };
      const registry = contractOf(record, "EnclaveRegistry", deployer);
      await expect(registry.getFunction("register").send(registration)).to.be.revertedWithCustomError(
        registry,
        "RegistryLevelNotAllowed",
      );
    } finally {
      await enclave.close();
    }
  });
});
