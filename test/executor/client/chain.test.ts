import { expect } from "chai";
import { gasUsedBy, providerChain } from "../../../executor/client/chain";
import { hex32 } from "../../../executor/domain/ids";

type Reply = () => Promise<unknown>;

const chainWith = (reply: Reply) => providerChain({ send: reply } as never);
const failing = (error: unknown) => chainWith(() => Promise.reject(error));

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: { code: string }) => error.code,
  );
}

describe("client/chain", () => {
  for (const [what, error] of [
    ["as Hardhat throws it", Object.assign(new Error("x"), { code: -32_602 })],
    ["as ethers wraps it", Object.assign(new Error("x"), { code: "UNKNOWN_ERROR", error: { code: -32_005 } })],
    ["as ethers wraps a call", Object.assign(new Error("x"), { code: "CALL_EXCEPTION", info: { error: { code: 3 } } })],
  ] as const) {
    it(`takes an error of the node ${what} for an answer`, async () => {
      expect(await codeOf(failing(error).call("eth_getLogs"))).to.equal("RPC_ERROR");
    });
  }

  it("takes everything else for an outage", async () => {
    const outage = Object.assign(new Error("x"), { code: "SERVER_ERROR", info: { requestUrl: "http://x" } });
    expect(await codeOf(failing(outage).call("eth_getLogs"))).to.equal("RPC_UNREACHABLE");
    expect(await codeOf(failing(undefined).call("eth_getLogs"))).to.equal("RPC_UNREACHABLE");
  });

  it("needs a provider that speaks JSON-RPC", () => {
    for (const provider of [null, {}])
      expect(() => providerChain(provider as never))
        .to.throw()
        .with.property("code", "CLIENT_NO_PROVIDER");
  });

  it("reads the gas of a receipt, and never takes a missing one for none", async () => {
    const hash = hex32(`0x${"11".repeat(32)}`);
    expect(
      await gasUsedBy(
        chainWith(async () => ({ gasUsed: "0x5208" })),
        hash,
      ),
    ).to.equal(21_000n);
    for (const answer of [null, {}, { gasUsed: 5 }])
      expect(
        await codeOf(
          gasUsedBy(
            chainWith(async () => answer),
            hash,
          ),
        ),
      ).to.equal("RPC_ANSWER_MALFORMED");
  });
});
