import fs from "node:fs";
import path from "node:path";
import { expect } from "chai";
import { isFinal, JOB_STATES, JOB_TRANSITIONS } from "../../executor/domain/job";
import { PIPE_STATES, PIPE_TRANSITIONS } from "../../executor/domain/pipe";
import { missingPaths, pathsIn } from "../../scripts/lint/documentPaths";
import { ROOT, temporaryFolder, write } from "./support";

describe("house/documents", () => {
  it("name only paths that exist", () => {
    expect(missingPaths(ROOT)).to.deep.equal([]);
  });

  const drawn = (name: string) => {
    const text = fs.readFileSync(path.join(ROOT, "ARCHITECTURE.md"), "utf8");
    const [, after = ""] = text.split(`<!-- ${name}:begin -->\n`);
    const [table = ""] = after.split(`<!-- ${name}:end -->`);
    return table
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .map((line) => {
        const [, from = "", to = ""] = line.split("|");
        return [
          from.replaceAll("`", "").trim(),
          { final: /\bfinal\b(?!`)/.test(to), to: [...to.matchAll(/`(\w+)`/g)].map((match) => match[1]) },
        ];
      });
  };

  it("draw the job states as the code has them", () => {
    const coded = JOB_STATES.map((state) => [state, { final: isFinal(state), to: [...JOB_TRANSITIONS[state]] }]);
    expect(drawn("job-states")).to.deep.equal(coded);
  });

  it("draw the states of PIPE as the code has them", () => {
    const ended = ["final", "replaced", "returned"];
    const coded = PIPE_STATES.map((state) => [
      state,
      { final: ended.includes(state), to: [...PIPE_TRANSITIONS[state]] },
    ]);
    expect(drawn("pipe-states")).to.deep.equal(coded);
  });

  it("finds a path in a code span or a link, and not what only looks like one", () => {
    const text =
      "See `contracts/A.sol`, `npm run lint`, `a/b`, `@scope/name` and [this](docs/b.md#part), not [that](https://x.org/y).\n```\n`test/in/fence.ts`\n```";
    expect(pathsIn(text)).to.deep.equal(["contracts/A.sol", "docs/b.md"]);
  });

  it("reports what is gone, follows links from their page, and lets * and <name> stand for something that exists", () => {
    const { folder, remove } = temporaryFolder();
    write(folder, "executor/jobs/ports.ts", "");
    write(folder, "docs/other.md", "");
    write(
      folder,
      "docs/page.md",
      "`executor/<stage>/ports.ts` `executor/*/gone.ts` [o](other.md) [n](none.md) `dist/x.js`",
    );
    const found = missingPaths(folder, ["docs/page.md"]);
    remove();
    expect(found).to.deep.equal([
      "docs/page.md: executor/*/gone.ts does not exist",
      "docs/page.md: none.md does not exist",
    ]);
  });
});
