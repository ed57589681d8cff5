import { expect } from "chai";
import { type OrderlyStop, stopInOrder } from "../../../executor/app/orderlyStop";
import { AssayError } from "../../../executor/domain/errors";

const NEVER = new Promise<void>(() => undefined);

async function stopped(change: Partial<OrderlyStop>) {
  const steps: string[] = [];
  const errors: unknown[] = [];
  const step = (name: string) => async () => {
    steps.push(name);
  };
  const answers = await stopInOrder({
    boundMs: 60_000,
    chainMs: 60_000,
    leave: () => void steps.push("leave"),
    finished: step("finished"),
    posted: step("posted"),
    drain: step("drain"),
    onError: (error) => errors.push(error),
    ...change,
  });
  return { steps, answers, codes: errors.map((error) => (error instanceof AssayError ? error.code : String(error))) };
}

describe("stopping in order", () => {
  it("takes nothing new, finishes, posts, and drains the keys last", async () => {
    expect(await stopped({})).to.deep.equal({
      steps: ["leave", "finished", "posted", "drain"],
      answers: true,
      codes: [],
    });
  });

  it("drains the keys even if what is in work does not end, and says so", async () => {
    expect(await stopped({ boundMs: 0, finished: () => NEVER })).to.deep.equal({
      steps: ["leave", "drain"],
      answers: true,
      codes: ["STOP_BOUND_REACHED"],
    });
  });

  it("ends even if the chain does not answer", async () => {
    expect(await stopped({ chainMs: 0, drain: () => NEVER })).to.deep.equal({
      steps: ["leave", "finished", "posted"],
      answers: false,
      codes: ["STOP_BOUND_REACHED"],
    });
  });

  it("goes on after a step that fails", async () => {
    const gone = new AssayError({ code: "RPC_UNREACHABLE", message: "", retry: "later" });
    expect(await stopped({ posted: () => Promise.reject(gone) })).to.deep.equal({
      steps: ["leave", "finished", "drain"],
      answers: true,
      codes: ["RPC_UNREACHABLE"],
    });
  });
});
