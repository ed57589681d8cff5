import { expect } from "chai";
import { hex32 } from "../../../executor/domain/ids";
import { ROOT_HASH } from "../../fixtures/attestation/chain";
import {
  type Question,
  RULES,
  type Rule,
  verdictAndSite,
  verifierWithout,
} from "../../fixtures/attestation/mutatedTwin";
import { RULE_CASES } from "../../fixtures/attestation/ruleCases";

/** Rules that nothing can notice, as the length, which is looked at before, says the same: they are there for the compiler. */
const SAID_BEFORE = ["unused === undefined", "bits === undefined"].map(
  (part) =>
    `nitro/extensions.ts: ${part}, of content.length !== 2 || unused === undefined || unused > 7 || bits === undefined || lowest !== 1 << unused`,
);

describe("protocol: the rules of the TypeScript verifier, taken out one by one", function () {
  this.timeout(60_000);
  /** Documents of the parity corpus by the `throw` that refuses them. */
  const refused = new Map<number, { readonly question: Question; readonly verdict: string }[]>();

  before(() => {
    for (const { document, seconds } of RULE_CASES) {
      const question = { document, root: hex32(ROOT_HASH), at: BigInt(seconds) };
      const { verdict, site } = verdictAndSite(question);
      if (site !== undefined) refused.set(site, [...(refused.get(site) ?? []), { question, verdict }]);
    }
  });

  /** Whether a document gets another verdict without the rule, so that the comparison with Solidity would fail. */
  function isMissed(rule: Rule): boolean {
    const without = verifierWithout(rule);
    const documents = rule.site === undefined ? [...refused.values()].flat() : (refused.get(rule.site) ?? []);
    return documents.some(({ question, verdict }) => without(question) !== verdict);
  }

  it("finds every rule there is", () => {
    expect(RULES.length).to.be.greaterThan(75);
  });

  it("notices each of them by a document of the parity corpus", () => {
    expect(RULES.filter((rule) => !isMissed(rule)).map(({ name }) => name)).to.deep.equal(SAID_BEFORE);
  });
});
