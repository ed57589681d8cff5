import { expect } from "chai";
import { type BenchGroup, meets } from "../../scripts/bench/group";
import { jsonLine, markdownTable, pair, unknownKeys } from "../../scripts/bench/table";

const group: BenchGroup = {
  name: "g",
  rows: [
    { key: "g.low", what: "less is better", unit: "ms", goal: { atMost: 10 } },
    { key: "g.high", what: "more is better", unit: "ratio", goal: { atLeast: 0.5 } },
    { key: "g.seen", what: "only reported", unit: "s" },
  ],
  measure: async () => ({}),
};

describe("house/bench", () => {
  it("meets a goal at its edge", () => {
    expect([
      meets({ atMost: 10 }, 10),
      meets({ atMost: 10 }, 11),
      meets({ atLeast: 1 }, 1),
      meets({ atLeast: 1 }, 0.9),
    ]).to.deep.equal([true, false, true, false]);
  });

  it("gives one JSON object with the keys as named, on one line, without what was not measured", () => {
    const line = jsonLine(pair(group, { "g.low": 12, "g.high": 0.75, "g.seen": Number.NaN }));
    expect(JSON.parse(line)).to.deep.equal({ "g.low": 12, "g.high": 0.75 });
    expect(line).to.not.include("\n");
  });

  it("says for each row whether its goal is met, missed or not measured", () => {
    const rows = markdownTable(pair(group, { "g.low": 12, "g.high": 0.75 }))
      .split("\n")
      .slice(2);
    expect(rows.map((row) => row.split("|").at(-2)?.trim())).to.deep.equal(["NO", "yes", "not measured"]);
  });

  it("notices a value that no row names", () => {
    expect(unknownKeys(group, { "g.low": 1, "g.lwo": 1 })).to.deep.equal(["g.lwo"]);
  });
});
