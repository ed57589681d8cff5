import { expect } from "chai";
import type { Contract, EventLog } from "ethers";
import { contractOf } from "../../executor/deployment/deploy";
import { nodeProgram } from "../../executor/deployment/localNode";
import { hexToBytes } from "../../executor/protocol/bytes";
import { nitroHints } from "../../executor/protocol/nitroHints";
import { skipTest } from "../../scripts/test/skip";
import { openWorld, type World } from "./support/world";

const EPOCH_SECONDS = 1_200;
const MARGIN_SECONDS = 300;
const WITHIN_MS = 60_000;
const FORMAT = ["--attestation-format", "nitro", "--enclaves", "1", "--minimum-level", "1"];

describe("an executor that vouches in AWS's format, on anvil", function () {
  this.timeout(180_000);
  let world: World;
  let registry: Contract;

  before(async function () {
    if (nodeProgram("anvil", 0) === undefined) skipTest(this, "part", "npm has no anvil for this platform");
    world = await openWorld("anvil", [], { nitro: true, epochSeconds: EPOCH_SECONDS });
    registry = contractOf(world.record, "EnclaveRegistry", world.provider);
  });
  after(() => world?.end());

  /** The events of this name, when there are as many. The bound is for a failing test. */
  async function events(name: string, count: number): Promise<EventLog[]> {
    const deadline = Date.now() + WITHIN_MS;
    for (;;) {
      const found = (await registry.queryFilter(name)) as EventLog[];
      if (found.length >= count) return found;
      if (Date.now() > deadline) throw new Error(`${found.length} of ${count} ${name} within ${WITHIN_MS / 1_000} s`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Gas used and gas limit of the transaction of an event, and the hints it carried. */
  async function spentBy(log: EventLog): Promise<{ used: number; limit: number; hints: number }> {
    const [receipt, sent] = await Promise.all([log.getTransactionReceipt(), log.getTransaction()]);
    const call = registry.interface.parseTransaction(sent);
    if (call === null) throw new Error("no call of the registry");
    const { aux } = call.args[0] as { aux: `0x${string}` };
    return { used: Number(receipt.gasUsed), limit: Number(sent.gasLimit), hints: hexToBytes(aux).length / 48 };
  }

  it("registers cold, renews warm before its epoch ends, and registers a new key when it is started again", async () => {
    const daemon = await world.start([...FORMAT, "--epoch-margin-seconds", String(MARGIN_SECONDS)]);
    const [first] = (await events("EnclaveRegistered", 1)) as [EventLog];
    const cold = await spentBy(first);
    expect(cold.hints).to.equal(5);
    expect(cold.used).to.be.within(6_000_000, 9_500_000);
    expect(cold.limit).to.be.within(1.1 * cold.used, 1.4 * cold.used);

    const { data } = await first.getTransaction();
    const [{ document }] = registry.interface.decodeFunctionData("register", data) as unknown as [
      { document: `0x${string}` },
    ];
    const verifier = contractOf(world.record, "NitroAttestationVerifier", world.requester);
    const aux = nitroHints(hexToBytes(document));
    await (await verifier.getFunction("cacheCertificates").send(document, aux, { gasLimit: 16_777_216 })).wait();

    await world.provider.send("evm_increaseTime", [EPOCH_SECONDS - MARGIN_SECONDS + 10]);
    await world.provider.send("evm_mine", []);
    const [renewal] = (await events("EnclaveRenewed", 1)) as [EventLog];
    const warm = await spentBy(renewal);
    expect(renewal.args.signer).to.equal(first.args.signer);
    expect(warm.hints).to.equal(2);
    expect(warm.used).to.be.within(4_000_000, 5_500_000);
    expect(warm.limit).to.be.within(1.1 * warm.used, 1.4 * warm.used);

    await daemon.child.stop();
    await world.start(FORMAT);
    const [, second] = (await events("EnclaveRegistered", 2)) as [EventLog, EventLog];
    expect(second.args.signer).to.not.equal(first.args.signer);
    expect((await spentBy(second)).hints).to.equal(2);
    // Whatever signs in this format is software here: never 4, which is AWS's root's.
    expect([first, second].map(({ args }) => Number(args.trust))).to.satisfy((levels: number[]) =>
      levels.every((level) => level >= 1 && level <= 3),
    );
  });
});
