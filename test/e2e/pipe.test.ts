import { expect } from "chai";
import type { JsonRpcProvider } from "ethers";
import type { DaemonProcess } from "../../scripts/start/daemon";
import { deployProgram, digestOf, programInterface, runCall, wallet } from "./support/pipe";
import { committedModel, encoded, goldenSets, openWorld, type World } from "./support/world";

for (const kind of ["hardhat", "anvil"] as const) {
  describe(`PIPE on ${kind}`, () => {
    let world: World;
    let daemon: DaemonProcess;
    let program: string;
    before(async () => {
      world = await openWorld(kind);
      daemon = await world.start([], undefined, { pipe: [] });
      program = await deployProgram(world);
    });
    after(() => world.end());

    it("lets an ordinary transaction use an answer that was published for it", async () => {
      const user = wallet(daemon.pipeUrl, 6);
      const [set] = goldenSets("eth_volatility");
      const input = encoded(set?.inputs ?? []);
      const modelHash = committedModel("eth_volatility").hash;
      const sent = await user.sendTransaction({
        to: program,
        data: runCall([{ kind: 0, modelHash, input, splices: [] }]),
        gasLimit: 1_000_000,
      });
      const receipt = await sent.wait();
      expect(receipt?.status).to.equal(1);
      const ran = receipt?.logs[0];
      expect(ran === undefined ? "" : programInterface().parseLog(ran)?.args.digest).to.equal(
        digestOf([encoded(set?.outputs ?? [])]),
      );
      const status = await (user.provider as JsonRpcProvider).send("pipe_status", [sent.hash]);
      expect(status.state).to.be.oneOf(["released", "landed", "final"]);
    });
  });
}
