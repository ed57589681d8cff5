import { expect } from "chai";
import { id, type JsonRpcProvider, parseEther, type TransactionRequest } from "ethers";
import type { DaemonProcess } from "../../scripts/start/daemon";
import {
  chainOf,
  deployProgram,
  digestOf,
  programInterface,
  runCall,
  type Step,
  variant,
  wallet,
} from "./support/pipe";
import { committedModel, encoded, goldenSets, openWorld, type World } from "./support/world";

const MODEL = committedModel("eth_volatility").hash;
const [GOLDEN] = goldenSets("eth_volatility");
const INPUT = encoded(GOLDEN?.inputs ?? []);
const OUTPUT = encoded(GOLDEN?.outputs ?? []);
const one = (kind: Step["kind"], input = INPUT): Step => ({ kind, modelHash: MODEL, input, splices: [] });

interface Report {
  readonly inferences: readonly { modelHash: string }[];
  readonly rounds: string;
  readonly simulations: string;
}
/** The code of a refusal, or the revert data, as a wallet's library hands it on. */
const codeOf = (error: unknown): string => {
  type Answer = { data?: { code?: string } | string };
  const { error: answer, info } = error as { error?: Answer; info?: { error?: Answer } };
  const data = (answer ?? info?.error)?.data;
  return typeof data === "string" ? data : (data?.code ?? String(error));
};

for (const kind of ["hardhat", "anvil"] as const) {
  describe(`PIPE on ${kind}`, () => {
    let world: World;
    let daemon: DaemonProcess;
    let program: string;
    const user = () => wallet(daemon.pipeUrl, 6);
    const engine = () => user().provider as JsonRpcProvider;
    const simulate = async (steps: readonly Step[]): Promise<Report> =>
      engine().send("pipe_simulate", [{ from: user().address, to: program, data: runCall(steps) }]);
    const send = async (tx: TransactionRequest, from = user()) =>
      (await from.sendTransaction({ gasLimit: 6_000_000, to: program, ...tx })).wait();
    const digestIn = (receipt: Awaited<ReturnType<typeof send>>): string =>
      receipt?.logs[0] === undefined ? "" : programInterface().parseLog(receipt.logs[0])?.args.digest;
    const refused = async (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => "it was taken",
        (error: unknown) => codeOf(error),
      );

    before(async () => {
      world = await openWorld(kind);
      daemon = await world.start([], undefined, { pipe: ["--pipe-deadline-seconds", "20", "--pipe-max-rounds", "8"] });
      program = await deployProgram(world);
    });
    after(() => world.end());

    it("lets an ordinary transaction use an answer that was published for it", async () => {
      const receipt = await send({ data: runCall([one(0)]) });
      expect(digestIn(receipt)).to.equal(digestOf([OUTPUT]));
      const status = await engine().send("pipe_status", [receipt?.hash]);
      expect(status.state).to.be.oneOf(["released", "landed", "final"]);
    });

    it("finds independent questions in one round, and dependent ones each in its own", async () => {
      const fan = await simulate(Array.from({ length: 16 }, (_, i) => one(0, variant(INPUT, 1_000 + i))));
      expect([Number(fan.rounds), fan.inferences.length]).to.deep.equal([1, 16]);
      const chain = await simulate(chainOf(MODEL, variant(INPUT, 5_000), 8, OUTPUT.length));
      expect([Number(chain.rounds), chain.inferences.length]).to.deep.equal([8, 8]);
    });

    it("finds what is asked by try, in a static call and where a failure is caught", async () => {
      for (const step of [1, 2, 3] as const) {
        const report = await simulate([one(step, variant(INPUT, 7_000 + step))]);
        expect(report.inferences, `kind ${step}`).to.have.length(1);
      }
      const receipt = await send({ data: runCall([one(1), one(2)]) });
      expect(digestIn(receipt)).to.equal(digestOf([OUTPUT, OUTPUT]));
    });

    it("passes on what needs no inference, and keeps its place among those that do", async () => {
      const from = user();
      const first = await from.getNonce("pending");
      const sends = [
        { data: runCall([one(0, variant(INPUT, 8_000))]), nonce: first },
        { to: from.address, data: "0x", value: 1n, nonce: first + 1 },
        { data: runCall([one(0, variant(INPUT, 8_001))]), nonce: first + 2 },
      ];
      const receipts = await Promise.all(sends.map((tx) => send(tx, from)));
      expect(receipts.map((receipt) => receipt?.status)).to.deep.equal([1, 1, 1]);
    });

    it("refuses what would fail for its own reasons, decoded, and holds nothing", async () => {
      const data = programInterface().encodeFunctionData("askAndFail", [
        MODEL,
        variant(INPUT, 9_000),
        [1, `0x${"00".repeat(32)}`, `0x${"00".repeat(32)}`],
      ]);
      expect(await refused(send({ data }))).to.equal(id("ProgramOdd()").slice(0, 10));
      expect(await user().getNonce("pending")).to.equal(await user().getNonce("latest"));
    });

    it("refuses transactions that no chain would take, each by its code", async () => {
      const from = user();
      const nonce = await from.getNonce();
      const base = {
        to: program,
        data: runCall([one(0, variant(INPUT, 9_100))]),
        gasLimit: 1_000_000n,
        type: 2,
        chainId: 31337n,
        maxFeePerGas: 10n ** 10n,
        maxPriorityFeePerGas: 10n ** 9n,
      };
      const raw = async (tx: object) =>
        engine().send("eth_sendRawTransaction", [await from.signTransaction({ ...base, nonce, ...tx } as never)]);
      expect(await refused(engine().send("eth_sendRawTransaction", ["0x02c0"]))).to.equal("PIPE_TRANSACTION_MALFORMED");
      expect(
        await refused(engine().send("eth_sendRawTransaction", [`${await from.signTransaction({ ...base, nonce })}00`])),
      ).to.equal("PIPE_TRANSACTION_MALFORMED");
      expect(await refused(raw({ nonce: nonce - 1 }))).to.equal("PIPE_NONCE_TOO_LOW");
      expect(await refused(raw({ nonce: nonce + 1_000 }))).to.equal("PIPE_NONCE_GAP");
      expect(await refused(raw({ value: parseEther("1000000") }))).to.equal("PIPE_BALANCE_TOO_LOW");
    });

    // Hardhat's node takes most of the deadline for eight rounds at the gas cap.
    if (kind === "anvil")
      it("refuses endless questions", async () => {
        const none = `0x${"00".repeat(32)}`;
        const endless = programInterface().encodeFunctionData("endless", [
          MODEL,
          variant(INPUT, 9_200),
          [1, none, none],
          INPUT.length - 4,
        ]);
        expect(
          await refused(engine().send("pipe_simulate", [{ from: user().address, to: program, data: endless }])),
        ).to.equal("PIPE_BOUND_REACHED");
      });

    it("refuses models and inputs that no enclave answers", async () => {
      const unknown = runCall([{ ...one(0), modelHash: `0x${"ab".repeat(32)}` }]);
      expect(await refused(send({ data: unknown }))).to.equal("PIPE_INFERENCE_REFUSED");
      const malformed = runCall([one(0, Uint8Array.of(9, 9))]);
      expect(await refused(send({ data: malformed }))).to.equal("PIPE_INFERENCE_REFUSED");
      // Canonical, and for another model: seventeen features where thirteen are declared.
      const [other] = goldenSets("liquidation_risk");
      const mismatched = runCall([one(0, encoded(other?.inputs ?? []))]);
      expect(await refused(send({ data: mismatched }))).to.equal("PIPE_INFERENCE_REFUSED");
    });
  });
}
