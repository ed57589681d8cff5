import { createHash } from "node:crypto";
import { expect } from "chai";
import { hex32 } from "../../../../executor/domain/ids";
import { bytesToHex } from "../../../../executor/protocol/bytes";
import type { P384Signature } from "../../../../executor/protocol/nitro/p384";
import { verifyNitroDocument } from "../../../../executor/protocol/nitro/verify";
import { hintBytes, nitroSignatures } from "../../../../executor/protocol/nitroHints";
import { edited, LEAF, NOW, ROOT_HASH } from "../../../fixtures/attestation/chain";
import { MALFORMED_CERTIFICATES } from "../../../fixtures/attestation/malformedCertificates";
import { type Mutant, mutantDocument } from "../../../fixtures/attestation/mutatedDocuments";
import { comparable, NitroEvm } from "../../../fixtures/attestation/nitroEvm";
import { RULE_CASES } from "../../../fixtures/attestation/ruleCases";
import { FUZZ_DOCUMENTS, FUZZ_SEED } from "../../../fixtures/fuzzSize";

/** Calls that go to the node together. */
const AT_ONCE = 50;
const MS_EACH = 60;

describe("attestation/NitroAttestationVerifier and its TypeScript twin", function () {
  this.timeout(120_000 + FUZZ_DOCUMENTS * MS_EACH);
  let nitro: NitroEvm;

  before(async function () {
    nitro = await NitroEvm.start(this, ROOT_HASH);
  });
  after(() => nitro?.stop());

  /** Most mutants share most of their signatures with the document they come from. */
  const known = new Map<string, Uint8Array>();
  const hintOf = (signature: P384Signature | undefined): Uint8Array => {
    if (signature === undefined) return hintBytes(undefined);
    const { signed, signature: rs, publicKey } = signature;
    const key = createHash("sha256").update(rs).update(publicKey).update(signed).digest("hex");
    const hint = known.get(key) ?? hintBytes(signature);
    if (known.size < 10_000) known.set(key, hint);
    return hint;
  };

  /** What both say; rules by the names of Solidity's errors. */
  async function verdicts({ document, seconds }: Mutant): Promise<readonly [solidity: string, typescript: string]> {
    const twin = verifyNitroDocument({ document, root: hex32(ROOT_HASH), at: BigInt(seconds) });
    // Where the twin sees no signature broken, hints that fit nothing do: a contract that came to them would say so, by another rule.
    const needed = twin.ok || twin.rule.startsWith("P384");
    const hint = (each: P384Signature | undefined) => (needed ? hintOf(each) : hintBytes(undefined));
    const aux = bytesToHex(Buffer.concat(nitroSignatures(document).map(hint)));
    const { rule } = await nitro.verdict(document, aux, seconds);
    return [comparable(rule), twin.ok ? "accepted" : twin.rule];
  }

  it("name the same rule for every malformed certificate, at both ends of the chain", async () => {
    const rules = new Set<string>();
    for (const [name, edit, code] of MALFORMED_CERTIFICATES) {
      for (const index of [1, LEAF]) {
        const [solidity, typescript] = await verdicts({ name, document: edited({ [index]: edit }), seconds: NOW });
        expect(typescript, name).to.equal(solidity);
        if (index === LEAF) expect(typescript.toUpperCase(), name).to.equal(code.replaceAll("_", ""));
        rules.add(solidity);
      }
    }
    expect(rules.size).to.be.greaterThan(12);
  });

  it("name the same rule for at least one document that breaks each rule", async () => {
    const wanted = RULE_CASES.filter(({ name }) => !MALFORMED_CERTIFICATES.some(([malformed]) => malformed === name));
    expect(wanted.length).to.be.greaterThan(15);
    for (const [solidity, typescript] of await Promise.all(wanted.map(verdicts))) {
      expect(typescript).to.equal(solidity);
      expect(typescript).to.not.equal("accepted");
    }
  });

  it(`give one verdict, and one rule, on ${FUZZ_DOCUMENTS} mutated documents`, async () => {
    const seen = new Map<string, number>();
    for (let first = 0; first < FUZZ_DOCUMENTS; first += AT_ONCE) {
      const count = Math.min(AT_ONCE, FUZZ_DOCUMENTS - first);
      const mutants = Array.from({ length: count }, (_, i) => mutantDocument(FUZZ_SEED, first + i));
      const said = await Promise.all(mutants.map(verdicts));
      for (const [i, [solidity, typescript]] of said.entries()) {
        expect(typescript, `seed ${FUZZ_SEED}, mutant ${first + i}: ${mutants[i]?.name}`).to.equal(solidity);
        seen.set(solidity, (seen.get(solidity) ?? 0) + 1);
      }
    }
    if (FUZZ_DOCUMENTS < 2_000) return;
    // Neither all refused nor all for one reason: the mutants reach deep.
    expect(seen.get("accepted")).to.be.greaterThan(FUZZ_DOCUMENTS / 50);
    expect(seen.size).to.be.greaterThan(30);
  });
});
