import { computeAddress, Interface } from "ethers";
import { isAssayError } from "../domain/errors";
import { type Address, address, type Hex32, hex32 } from "../domain/ids";
import { bytesToHex, concatBytes, hexToBytes } from "../protocol/bytes";
import { type NitroVerdict, verifyNitroDocument } from "../protocol/nitro/verify";
import { type AttestationClaims, imageIdOf, verifyDevelopmentDocument } from "../protocol/nitroDocumentVerify";
import { keccak256 } from "../protocol/statement";
import { decodeUserData, type UserData } from "../protocol/userData";
import { callsIn } from "./calldata";
import type { Inquiry } from "./context";
import { type Log, REGISTRY, VERIFIER } from "./reader";

/** Oldest document without a nonce and how far its clock may run ahead, seconds (RegistryAttestation.sol). */
const MAX_DOCUMENT_AGE_SECONDS = 600;
const CLOCK_SKEW_SECONDS = 120;
const BLOCK_HASHES_KEPT = 256;
const HARDWARE_TRUST = 4;

/** What the registration event says of the key. */
export interface RegisteredKey {
  readonly signer: Address;
  readonly operator: Address;
  readonly operatorId: number;
  readonly payout: Address;
  readonly imageId: Hex32;
  readonly trust: number;
  readonly runtimeProfile: Hex32;
  /** Seconds of block time. */
  readonly registeredAt: number;
  readonly log: Log;
}

const NITRO_VERIFIER = new Interface(["function rootHash() view returns (bytes32)"]);

interface Handed {
  readonly verifierIndex: number;
  readonly document: Uint8Array;
  readonly endpoint: string;
  readonly keyConfig: Uint8Array;
}

/** Reads the attestation document again from the registration's calldata and judges it as the registry did, in TypeScript. */
export async function explainAttestation(inquiry: Inquiry, key: RegisteredKey): Promise<void> {
  const { reader, deployment, checks } = inquiry;
  const transaction = await reader.transaction(key.log.transactionHash);
  const judges = await judgesOf(inquiry, key.registeredAt);
  const candidates: { handed: Handed; claims: AttestationClaims | string | undefined }[] = [];
  for (const { args } of callsIn(transaction.input, REGISTRY, ["register", "rotate"])) {
    // A rotation names the key that ends before it.
    const r = args[args.length - 1] as { verifierIndex: bigint; document: string; endpoint: string; keyConfig: string };
    const handed = {
      verifierIndex: Number(r.verifierIndex),
      document: hexToBytes(r.document),
      endpoint: r.endpoint,
      keyConfig: hexToBytes(r.keyConfig),
    };
    const judge = await judgeOf(inquiry, judges, handed.verifierIndex);
    candidates.push({ handed, claims: judge?.(handed.document) });
  }
  // One transaction may register several keys; ours is the document that names it, else the only one there is.
  const own =
    candidates.find(({ claims }) => typeof claims === "object" && keyAddress(claims.publicKey) === key.signer) ??
    candidates[0];
  if (own === undefined) {
    checks.that(
      "attestation.document",
      null,
      `transaction ${transaction.hash} does not carry a document in its calldata`,
    );
    return;
  }
  const { handed, claims } = own;
  if (claims === undefined) {
    const index = handed.verifierIndex;
    checks.that("attestation.document", null, `verifier ${index} is none that this version can repeat`);
    return;
  }
  if (
    !checks.that(
      "attestation.document",
      typeof claims !== "string",
      typeof claims === "string" ? claims : `${handed.document.length} bytes, signed by root ${claims.rootId}`,
    )
  )
    return;
  if (typeof claims === "string") return;
  // A Nitro document was verified up to the certificate that its verifier pins; `rootApproved` judges the id of its key.
  if (claims.cabundle.length === 0)
    checks.same("attestation.root", { expected: deployment.rootId, actual: claims.rootId });
  checks.same("attestation.key", { expected: key.signer, actual: keyAddress(claims.publicKey) ?? "no key" });
  checks.same("attestation.image", { expected: key.imageId, actual: imageIdOf(claims) });
  const userData = readUserData(claims.userData);
  if (typeof userData === "string") checks.that("attestation.binding", false, userData);
  else {
    checkBinding({ inquiry, key, handed, userData });
    await checkTrust({ inquiry, key, claims, userData });
  }
  await checkFreshness({ inquiry, key, claims });
}

/** The root's key as the deployed verifier pins it; its code was compared with the deployment, so the answer is its own. */
async function pinnedRoot({ reader, deployment }: Inquiry): Promise<Uint8Array> {
  const target = { contract: VERIFIER, at: deployment.contracts.DevelopmentAttestationVerifier.address };
  const [[x], [y]] = [await reader.view(target, "rootX", []), await reader.view(target, "rootY", [])];
  return concatBytes(hexToBytes(hex32(x)), hexToBytes(hex32(y)));
}

/** What a verifier says of a document: its claims, or which rule it breaks. */
type Judge = (document: Uint8Array) => AttestationClaims | string;

/** The verifiers that this version can repeat, by address. */
async function judgesOf(inquiry: Inquiry, registeredAt: number): Promise<ReadonlyMap<Address, Judge>> {
  const { reader, deployment } = inquiry;
  const { DevelopmentAttestationVerifier: development, NitroAttestationVerifier: nitro } = deployment.contracts;
  const key = await pinnedRoot(inquiry);
  const [rootHash] = await reader.view({ contract: NITRO_VERIFIER, at: nitro.address }, "rootHash", []);
  const [root, at] = [hex32(rootHash), BigInt(registeredAt)];
  return new Map<Address, Judge>([
    [development.address, (document) => developmentClaims(document, key)],
    [nitro.address, (document) => nitroClaims(verifyNitroDocument({ document, root, at }))],
  ]);
}

async function judgeOf(
  { reader, deployment }: Inquiry,
  judges: ReadonlyMap<Address, Judge>,
  index: number,
): Promise<Judge | undefined> {
  const at = deployment.contracts.EnclaveRegistry.address;
  const { verifier } = await reader.view({ contract: REGISTRY, at }, "verifierOf", [index]);
  return judges.get(address(verifier));
}

const nitroClaims = (verdict: NitroVerdict): AttestationClaims | string => (verdict.ok ? verdict.claims : verdict.rule);

function developmentClaims(document: Uint8Array, root: Uint8Array): AttestationClaims | string {
  try {
    return verifyDevelopmentDocument(document, root);
  } catch (error) {
    if (isAssayError(error)) return error.code;
    throw error;
  }
}

function keyAddress(publicKey: Uint8Array): Address | undefined {
  try {
    return publicKey.length === 65 ? address(computeAddress(bytesToHex(publicKey))) : undefined;
  } catch {
    return undefined; // 65 bytes that are no point of the curve; such a key signs nothing.
  }
}

function readUserData(bytes: Uint8Array): UserData | string {
  try {
    return decodeUserData(bytes);
  } catch (error) {
    if (isAssayError(error)) return error.code;
    throw error;
  }
}

/** The document was made for this chain, registry, hub and operator, and for the endpoint and keys handed in beside it. */
function checkBinding(args: { inquiry: Inquiry; key: RegisteredKey; handed: Handed; userData: UserData }): void {
  const { inquiry, key, handed, userData } = args;
  const { deployment, checks, domain } = inquiry;
  const pairs: readonly (readonly [string, string | bigint, string | bigint])[] = [
    ["chain", BigInt(deployment.chainId), userData.chainId],
    ["registry", deployment.contracts.EnclaveRegistry.address, userData.registry],
    ["hub domain", domain, userData.hubDomain],
    ["operator", key.operator, userData.operator],
    ["payout", key.payout, userData.payout],
    ["endpoint", keccak256(new TextEncoder().encode(handed.endpoint)), userData.endpointHash],
    ["key configuration", keccak256(handed.keyConfig), userData.keyConfigHash],
    ["runtime profile", key.runtimeProfile, userData.runtimeProfile],
  ];
  const wrong = pairs.filter(([, expected, actual]) => expected !== actual);
  const detail =
    wrong.length === 0
      ? pairs.map(([what]) => what).join(", ")
      : wrong.map(([what, expected, actual]) => `${what}: expected ${expected}, found ${actual}`).join("; ");
  checks.that("attestation.binding", wrong.length === 0, detail);
}

/** Which root signed decides: a claim of hardware under a software root is a lie. */
async function checkTrust(args: {
  inquiry: Inquiry;
  key: RegisteredKey;
  claims: AttestationClaims;
  userData: UserData;
}): Promise<void> {
  const { inquiry, key, claims, userData } = args;
  const at = inquiry.deployment.contracts.EnclaveRegistry.address;
  const { activeFrom, revoked, hardware } = await inquiry.reader.view({ contract: REGISTRY, at }, "rootOf", [
    claims.rootId,
  ]);
  const approved = activeFrom !== 0n && Number(activeFrom) <= key.registeredAt;
  inquiry.checks.that(
    "attestation.rootApproved",
    approved,
    `approved from ${activeFrom}${revoked === true ? ", revoked since (keys registered before stay until their epoch ends)" : ""}`,
  );
  const expected = hardware === true ? HARDWARE_TRUST : userData.level;
  const honest = expected === key.trust && (hardware === true || !userData.hardwareRooted);
  inquiry.checks.that(
    "attestation.trust",
    honest,
    honest
      ? `${key.trust}${key.trust === HARDWARE_TRUST ? "" : ", a software level: its host can read and change it"}`
      : `expected ${expected}, registered ${key.trust}`,
  );
}

/** Fresh by a block hash that the document names, or else by its own clock. */
async function checkFreshness({
  inquiry,
  key,
  claims,
}: {
  inquiry: Inquiry;
  key: RegisteredKey;
  claims: AttestationClaims;
}): Promise<void> {
  const { checks, reader } = inquiry;
  if (claims.nonce.length === 0) {
    const made = Number(claims.timestampMs / 1000n);
    const good = made + MAX_DOCUMENT_AGE_SECONDS >= key.registeredAt && made <= key.registeredAt + CLOCK_SKEW_SECONDS;
    checks.that("attestation.fresh", good, `made ${made} by its own clock, registered ${key.registeredAt}`);
    return;
  }
  if (claims.nonce.length !== 40) {
    checks.that("attestation.fresh", false, `a nonce of ${claims.nonce.length} bytes`);
    return;
  }
  const number = Number(BigInt(bytesToHex(claims.nonce.subarray(0, 8))));
  const age = key.log.blockNumber - number;
  const inWindow = age > 0 && age <= BLOCK_HASHES_KEPT;
  const good = inWindow && (await reader.block(number)).hash === bytesToHex(claims.nonce.subarray(8));
  checks.that("attestation.fresh", good, `names block ${number}, registered in block ${key.log.blockNumber}`);
}
