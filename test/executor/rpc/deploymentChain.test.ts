import { expect } from "chai";
import { rpcDeploymentChain } from "../../../executor/rpc/deploymentChain";

describe("the chain that a deployment is checked against", () => {
  const chainThatSays = (answer: unknown) => rpcDeploymentChain({ call: async () => answer } as never);

  it("reads the chain id", async () => {
    expect(await chainThatSays("0x7a69").chainId()).to.equal(31_337n);
  });

  it("says by its code that a node answers nonsense", async () => {
    for (const answer of ["", "0x", "31337", "0xzz", 31_337, null, {}, `0x${"1".repeat(65)}`]) {
      const error = await chainThatSays(answer)
        .chainId()
        .catch((thrown: unknown) => thrown);
      expect((error as { code?: string }).code, String(answer)).to.equal("RPC_ANSWER_MALFORMED");
    }
  });
});
