import { expect } from "chai";
import { isAssayError } from "../../../executor/domain/errors";
import { Accounts } from "../../../executor/pipe/accounts";

const refusal = (run: () => void): Readonly<Record<string, unknown>> | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    if (isAssayError(error, "PIPE_ACCOUNT_LIMIT")) return { ...error.context, retry: error.retry };
    throw error;
  }
};

describe("accounts", () => {
  let nowMs: number;
  let accounts: Accounts;
  beforeEach(() => {
    nowMs = 1_000_000;
    accounts = new Accounts({ simulationsPerMinute: 2, inferencesPerHour: 3 }, () => nowMs);
  });
  const charge = (account: string, what: "simulation" | "inference" | "speculation" = "simulation") =>
    refusal(() => accounts.charge(account, what));

  it("refuses what goes over, says when there is more, and refills evenly", () => {
    expect([charge("0xa"), charge("0xa")]).to.deep.equal([undefined, undefined]);
    expect(charge("0xa")).to.include({ what: "simulation", waitMs: 30_000, retry: "later" });
    nowMs += 29_999;
    expect(charge("0xa")).to.include({ waitMs: 1 });
    nowMs += 1;
    expect(charge("0xa")).to.equal(undefined);
    expect(charge("0xa")).to.include({ waitMs: 30_000 });
  });

  it("never saves up more than it starts with, and loses nothing to a clock that goes back", () => {
    charge("0xa");
    nowMs += 3_600_000;
    expect([charge("0xa"), charge("0xa")]).to.deep.equal([undefined, undefined]);
    nowMs -= 60_000;
    expect(charge("0xa")).to.include({ what: "simulation" });
  });

  it("counts inferences, guesses and simulations apart, and accounts apart", () => {
    for (let i = 0; i < 3; i++) expect(charge("0xa", "inference")).to.equal(undefined);
    expect(charge("0xa", "inference")).to.include({ what: "inference", waitMs: 1_200_000 });
    for (let i = 0; i < 3; i++) expect(charge("0xa", "speculation")).to.equal(undefined);
    expect(charge("0xa", "speculation")).to.include({ what: "speculation" });
    expect(charge("0xa")).to.equal(undefined);
    expect(charge("0xb", "inference")).to.equal(undefined);
  });

  it("does not name an API key", () => {
    const named = (account: string): unknown => [charge(account), charge(account), charge(account)?.account][2];
    expect(named("key:secret")).to.equal("your API key");
    expect(named("0xa")).to.equal("0xa");
  });
});
