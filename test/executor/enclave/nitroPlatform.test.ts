import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { loadNitroPlatform, type NitroFormatPlatform } from "../../../executor/enclave/platform/nitroPlatform";
import { loadPlatform } from "../../../executor/enclave/platform/platform";
import { decodeCoseSign1 } from "../../../executor/protocol/cose";
import { type NitroVerdict, verifyNitroDocument } from "../../../executor/protocol/nitro/verify";
import { decodeNitroPayload } from "../../../executor/protocol/nitroDocument";
import { imageIdOf } from "../../../executor/protocol/nitroDocumentVerify";

const NOW_MS = 1_800_000_000_000;
const NOW = BigInt(NOW_MS / 1_000);
const PARTS = {
  pcrs: { pcr0: new Uint8Array(48).fill(1), pcr1: new Uint8Array(48).fill(2), pcr2: new Uint8Array(48).fill(3) },
  publicKey: new Uint8Array(65).fill(4),
  userData: new Uint8Array(352).fill(5),
  nowMs: NOW_MS,
};

describe("the platform of AWS's format", () => {
  let folder: string;
  let path: string;
  let platform: NitroFormatPlatform;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-nitro-root-"));
    path = join(folder, "nitro-root.pem");
    platform = loadNitroPlatform(path);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const verdict = (document: Uint8Array, at = NOW, root = platform.certificateHash): NitroVerdict =>
    verifyNitroDocument({ document, root, at });

  it("gives documents that the verifier of AWS's format accepts under this root, for three hours, and no other", () => {
    const document = platform.document(PARTS);
    const said = verdict(document);
    expect(said.ok).to.equal(true);
    if (!said.ok) return;
    expect(said.claims.rootId).to.equal(platform.rootId);
    expect(imageIdOf(said.claims)).to.equal(platform.imageIdOf(PARTS.pcrs));
    expect(said.claims.moduleId).to.match(/^i-[0-9a-f]{17}-enc[0-9a-f]{16}$/);
    expect([said.claims.publicKey, said.claims.userData].map((bytes) => bytes.length)).to.deep.equal([65, 352]);
    const ruleAt = (at: bigint): string => {
      const { ok, ...rest } = verdict(document, at);
      return ok ? "accepted" : (rest as { rule: string }).rule;
    };
    expect([NOW - 3_600n, NOW - 3_601n, NOW + 7_200n, NOW + 7_201n].map(ruleAt)).to.deep.equal([
      "accepted",
      "NitroNotYetValid",
      "accepted",
      "NitroExpired",
    ]);
    const other = loadNitroPlatform(join(folder, "other.pem"));
    expect(verdict(document, NOW, other.certificateHash)).to.include({ ok: false, rule: "NitroRootUnknown" });
  });

  it("has a chain that node:crypto verifies too, whose CA certificates are those of the file", () => {
    const chainOf = (document: Uint8Array): X509Certificate[] => {
      const { cabundle, certificate } = decodeNitroPayload(decodeCoseSign1(document, "ES384").payload);
      return [...cabundle, certificate].map((der) => new X509Certificate(Buffer.from(der)));
    };
    const chain = chainOf(platform.document(PARTS));
    expect(chain.map(({ ca }) => ca)).to.deep.equal([true, true, true, true, false]);
    for (const [i, each] of chain.entries()) {
      const issuer = chain[Math.max(0, i - 1)] as X509Certificate;
      expect(each.checkIssued(issuer)).to.equal(true);
      expect(each.verify(issuer.publicKey)).to.equal(true);
    }
    const again = chainOf(loadNitroPlatform(path).document(PARTS));
    const hashes = (list: readonly X509Certificate[]): string[] => list.map(({ fingerprint256 }) => fingerprint256);
    expect(hashes(again).slice(0, 4)).to.deep.equal(hashes(chain).slice(0, 4));
    expect(hashes(again)[4]).to.not.equal(hashes(chain)[4]);
  });

  it("keeps its root readable by its owner only, and refuses one that others can read, or that is none", () => {
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    const development = join(folder, "development.pem");
    loadPlatform(development);
    const open = join(folder, "open.pem");
    writeFileSync(open, "x", { mode: 0o644 });
    const half = join(folder, "half.pem");
    const block = (kind: string): string => `-----BEGIN ${kind}-----\nAAAA\n-----END ${kind}-----\n`;
    writeFileSync(half, (block("PRIVATE KEY") + block("CERTIFICATE")).repeat(4), { mode: 0o600 });
    for (const bad of [development, open, half, join(folder, "no", "such", "folder")])
      expect(() => loadNitroPlatform(bad), bad)
        .to.throw()
        .with.property("code", "ENCLAVE_ROOT_UNUSABLE");
  });
});
