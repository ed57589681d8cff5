import { expect } from "chai";
import { nodeProgram, startLocalNode } from "../../../executor/deployment/localNode";
import { isAssayError } from "../../../executor/domain/errors";
import { skipTest } from "../../../scripts/test/skip";

async function errorOf(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  return work.then(
    () => ({ code: "none", message: "" }),
    (error: unknown) => {
      if (isAssayError(error)) return error;
      throw error;
    },
  );
}

async function chainId(url: string): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body });
  return ((await response.json()) as { result: unknown }).result;
}

describe("a development node of the product's own", () => {
  for (const kind of ["anvil", "hardhat"] as const)
    it(`${kind} answers as soon as it is there, and is gone when it is stopped`, async function () {
      const program = nodeProgram(kind, 0);
      if (program === undefined) skipTest(this, "part", `there is no ${kind} for this platform`);
      const node = await startLocalNode([program]);
      try {
        expect(node.kind).to.equal(kind);
        expect(await chainId(node.url)).to.equal("0x7a69");
      } finally {
        await node.stop();
      }
      await node.stop();
      expect(await chainId(node.url).catch(() => "nobody answers")).to.equal("nobody answers");
    });

  it("says what to install where there is none", async () => {
    const { code, message } = await errorOf(startLocalNode([undefined, undefined]));
    expect(code).to.equal("LOCAL_NODE_MISSING");
    expect(message).to.contain("npm install").and.to.contain("--rpc-url");
  });

  it("shows the last words of one that ends before it listens", async () => {
    const args = ["-e", "console.error('the port is taken'); process.exit(1)"];
    const { code, message } = await errorOf(
      startLocalNode([{ kind: "anvil", command: process.execPath, args, listening: /never/ }]),
    );
    expect(code).to.equal("LOCAL_NODE_FAILED");
    expect(message).to.contain("the port is taken");
  });

  it("refuses a program that can not be started at all", async () => {
    const program = { kind: "anvil", command: "/nowhere/anvil", args: [], listening: /never/ } as const;
    expect((await errorOf(startLocalNode([program]))).code).to.equal("LOCAL_NODE_FAILED");
  });
});
