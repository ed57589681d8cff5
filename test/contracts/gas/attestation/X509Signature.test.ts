import { createHash } from "node:crypto";
import { expect } from "chai";
import type { Contract } from "ethers";
import { hex48 } from "../../../fixtures/attestation/curve";
import { Evm } from "../../../fixtures/attestation/evm";
import { sharedData } from "../../../fixtures/attestation/sharedData";
import { outcomeOf } from "../../tensor/outcome";

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey: { readonly wx: string; readonly wy: string };
    readonly tests: readonly { tcId: number; comment: string; msg: string; sig: string; result: string }[];
  }[];
}

const AT_ONCE = 8;

describe("attestation/X509Reader: signatures as DER", () => {
  let evm: Evm;
  let harness: Contract;
  let p384: Contract;

  before(async function () {
    evm = await Evm.start(this);
    harness = await evm.deploy("mocks/X509Harness.sol", "X509Harness");
    p384 = await evm.deploy("attestation/P384.sol", "P384");
  });

  after(() => evm?.stop());

  it("gives Wycheproof's verdict on all 504 cases of DER", async function () {
    const file = "testvectors_v1_ecdsa_secp384r1_sha384_test.json";
    const { testGroups } = JSON.parse(sharedData(this, "wycheproof", file)) as Wycheproof;
    const cases = testGroups.flatMap(({ publicKey, tests }) => tests.map((test) => ({ ...test, publicKey })));
    expect(cases.length).to.equal(504);
    const check = async ({ tcId, comment, msg, sig, result, publicKey }: (typeof cases)[number]): Promise<void> => {
      const outcome = await outcomeOf(harness, { method: "pair", args: [`0x${sig}`] });
      const digest = createHash("sha384").update(Buffer.from(msg, "hex")).digest("hex");
      const key = [publicKey.wx, publicKey.wy].map((word) => hex48(BigInt(`0x${word}`))).join("");
      const valid =
        outcome.ok && (await p384.getFunction("verify")(`0x${digest}${String(outcome.value).slice(2)}${key}`));
      expect(valid, `${tcId}: ${comment}`).to.equal(result === "valid");
    };
    for (let i = 0; i < cases.length; i += AT_ONCE) await Promise.all(cases.slice(i, i + AT_ONCE).map(check));
  });
});
