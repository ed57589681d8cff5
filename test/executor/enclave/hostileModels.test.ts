import { expect } from "chai";
import type { Enclave } from "../../../executor/enclave/ports";
import { startEnclave } from "../../../executor/enclave/supervisor";
import { DYNAMIC_MODELS } from "../../fixtures/hostileDynamic";
import { HOSTILE_MODELS } from "../../fixtures/hostileModels";
import { enclaveConfig, requestId } from "./support/enclave";
import { endingOf, expectHonestService } from "./support/endings";

const LIMITS = { maxRunners: 3, loadTimeoutMs: 10_000, runTimeoutMs: 1_500, runnerMemoryBytes: 512 * 2 ** 20 };

describe("hostile models in an enclave at the strongest level of this machine", function () {
  this.timeout(120_000);
  let enclave: Enclave;
  let ended: string | undefined;
  let next = 1;

  before(async () => {
    enclave = await startEnclave(enclaveConfig({ limits: LIMITS }));
    void enclave.exited.then((how) => {
      ended = how;
    });
  });
  after(async () => enclave?.close());
  afterEach("the signer lives and the next honest request is served", async () => {
    await expectHonestService(enclave, next++);
    expect(ended).to.equal(undefined);
  });

  const ends = new Map(DYNAMIC_MODELS.map((model) => [model.name, model.ends]));
  for (const { name, attack, verdict, build } of HOSTILE_MODELS) {
    const expected: readonly string[] = ends.get(name) ?? [verdict];
    it(`ends ${name} (${attack}) by ${expected.join(" or ")}`, async () => {
      const ending = await endingOf(enclave, build(), requestId(1_000_000 + next));
      expect(expected, `${ending.code}: ${ending.detail}`).to.include(ending.code);
      expect(ending.reachedRuntime).to.equal(verdict === "dynamic");
    });
  }
});
