import { AssayError, isAssayError } from "../domain/errors";
import { TRANSACTION_GAS_CAP } from "../domain/gas";
import { type Address, address, type HexBytes, hex32 } from "../domain/ids";
import { concatBytes, hexToBytes } from "../protocol/bytes";
import { type CoseAlgorithm, coseAlgorithmOf } from "../protocol/cose";
import { ruleOf, verifyNitroDocument } from "../protocol/nitro/verify";
import { type AttestationClaims, verifyDevelopmentDocument } from "../protocol/nitroDocumentVerify";
import { nitroHints, nitroSignatures } from "../protocol/nitroHints";
import { keccak256 } from "../protocol/statement";
import { decodeUserData, type UserData } from "../protocol/userData";
import { type RpcClient, valueOrThrow } from "../rpc/client";
import { DEVELOPMENT_VERIFIER, NITRO_VERIFIER, REGISTRY } from "./registryAbi";

/** The contracts of a deployment whose verdict this version can find itself. */
export interface AttestationVerifiers {
  readonly registry: Address;
  readonly development: Address;
  readonly nitro: Address;
}

/** What is handed to the registry beside a document; the document holds hashes of both. */
export interface RegistrationParts {
  readonly document: Uint8Array;
  readonly endpoint: string;
  readonly keyConfig: Uint8Array;
}

/** A document that its verifier accepts at the newest block, and what its transaction needs. */
export interface PlannedRegistration {
  readonly verifierIndex: number;
  readonly aux: HexBytes;
  readonly gasLimit: bigint;
  readonly claims: AttestationClaims;
  readonly userData: UserData;
  /** Seconds of block time. */
  readonly now: number;
}

/** As many as an index of 8 bits can name. */
const MOST_VERIFIERS = 256;
const VERIFIERS_AT_ONCE = 8;
/** A certificate whose cache entry ends sooner is counted as not cached: the transaction may be mined in a later block. */
const CACHE_MARGIN_SECONDS = 900;
/** Rules that a document of the same enclave may meet a little later. */
const PASSING_RULES: ReadonlySet<string> = new Set(["NitroNotYetValid", "NitroExpired"]);

interface Call {
  readonly to: Address;
  readonly data: string;
}

/**
 * Prepares registrations and renewals: finds the verifier of a document's format, verifies it here by that verifier's twin, so that a wrong document
 * costs no gas, and says how much gas it takes, since nodes differ in what they can estimate.
 */
export class RegistrationPlanner {
  constructor(
    private readonly rpc: Pick<RpcClient, "batch">,
    private readonly verifiers: AttestationVerifiers,
  ) {}

  /** @throws AssayError `REGISTRY_DOCUMENT_REFUSED` with the rule in the context, `REGISTRY_VERIFIER_MISSING`, `REGISTRY_…_MISMATCH` */
  async plan(input: RegistrationParts): Promise<PlannedRegistration> {
    const { document } = input;
    const algorithm = coseAlgorithmOf(document);
    if (algorithm === undefined) throw refused("CoseProtectedHeader");
    const now = await this.now();
    const verifierIndex = await this.indexFor(algorithm, now);
    const claims = await (algorithm === "ES384" ? this.nitroClaims(document, now) : this.developmentClaims(document));
    const userData = readUserData(claims.userData);
    demandBound(input, userData);
    const { aux, signatures } = algorithm === "ES384" ? await this.hints(document, now) : { aux: NONE, signatures: 0 };
    const bytes = document.length + input.keyConfig.length + Buffer.byteLength(input.endpoint);
    return { verifierIndex, aux, gasLimit: registrationGas({ bytes, signatures }), claims, userData, now };
  }

  private async now(): Promise<number> {
    const [head] = await this.rpc.batch([{ method: "eth_getBlockByNumber", params: ["latest", false] }]);
    const block = head === undefined ? undefined : valueOrThrow(head, "eth_getBlockByNumber");
    return Number((block as { timestamp?: string } | undefined)?.timestamp);
  }

  /** The index under which the registry knows the verifier of this format; governors add and revoke, so it is the chain's to say. */
  private async indexFor(algorithm: CoseAlgorithm, now: number): Promise<number> {
    const { registry, nitro, development } = this.verifiers;
    const wanted = algorithm === "ES384" ? nitro : development;
    for (let first = 0; first < MOST_VERIFIERS; first += VERIFIERS_AT_ONCE) {
      const indexes = Array.from({ length: VERIFIERS_AT_ONCE }, (_, i) => first + i);
      const data = indexes.map((index) => REGISTRY.encodeFunctionData("verifierOf", [index]));
      const answers = await this.read(data.map((each) => ({ to: registry, data: each })));
      for (const [i, answer] of answers.entries()) {
        const [verifier, activeFrom, revoked] = REGISTRY.decodeFunctionResult("verifierOf", answer);
        if (Number(activeFrom) === 0) throw noVerifier(algorithm, wanted);
        if (address(verifier) === wanted && Number(activeFrom) <= now && revoked === false) return first + i;
      }
    }
    throw noVerifier(algorithm, wanted);
  }

  private async nitroClaims(document: Uint8Array, now: number): Promise<AttestationClaims> {
    const data = NITRO_VERIFIER.encodeFunctionData("rootHash");
    const [root] = await this.read([{ to: this.verifiers.nitro, data }]);
    const verdict = verifyNitroDocument({ document, root: hex32(root), at: BigInt(now) });
    if (!verdict.ok) throw refused(verdict.rule, verdict.context);
    return verdict.claims;
  }

  private async developmentClaims(document: Uint8Array): Promise<AttestationClaims> {
    const calls = ["rootX", "rootY"].map((name) => ({
      to: this.verifiers.development,
      data: DEVELOPMENT_VERIFIER.encodeFunctionData(name),
    }));
    const root = concatBytes(...(await this.read(calls)).map((word) => hexToBytes(hex32(word))));
    return judged(() => verifyDevelopmentDocument(document, root));
  }

  /** Hints for the signatures that are not cached, and how many the contract will verify. */
  private async hints(document: Uint8Array, now: number): Promise<{ aux: HexBytes; signatures: number }> {
    const signatures = nitroSignatures(document);
    // The last two are the target's and the document's own, which nobody caches.
    const calls = signatures.slice(0, -2).map((signature) => ({
      to: this.verifiers.nitro,
      data: NITRO_VERIFIER.encodeFunctionData("cachedUntil", [
        keccak256(signature?.signed ?? new Uint8Array()),
        keccak256(signature?.publicKey ?? new Uint8Array()),
      ]),
    }));
    const cached = (await this.read(calls)).map((until) => BigInt(until) >= BigInt(now + CACHE_MARGIN_SECONDS));
    const first = cached.indexOf(false);
    const leading = first === -1 ? cached.length : first;
    const aux = nitroHints(document, signatures.length - leading);
    return { aux, signatures: signatures.length - cached.filter(Boolean).length };
  }

  private async read(calls: readonly Call[]): Promise<string[]> {
    if (calls.length === 0) return [];
    const answers = await this.rpc.batch(calls.map((call) => ({ method: "eth_call", params: [call, "latest"] })));
    return answers.map((answer) => valueOrThrow(answer, "eth_call") as string);
  }
}

const NONE: HexBytes = "0x";

/** What the registry itself does, a new operator included: measured 430,000. */
const BASE_GAS = 600_000n;
/** Calldata, SHA-384, copies, events: measured 265 in a Nitro document, and less in another. */
const GAS_PER_BYTE = 330n;
/** All signatures share their doublings: measured 2,600,000 for the first of a transaction, and 920,000 for each more. */
const FIRST_SIGNATURE_GAS = 3_100_000n;
const NEXT_SIGNATURE_GAS = 1_100_000n;

/**
 * The gas limit of a registration, a sixth above what the twelve real documents take, and never above what a transaction may have.
 * @param parts.signatures how many P-384 signatures the chain will verify
 */
export function registrationGas({
  bytes,
  signatures,
}: {
  readonly bytes: number;
  readonly signatures: number;
}): bigint {
  const verification = signatures === 0 ? 0n : FIRST_SIGNATURE_GAS + BigInt(signatures - 1) * NEXT_SIGNATURE_GAS;
  const gas = BASE_GAS + GAS_PER_BYTE * BigInt(bytes) + verification;
  return gas < TRANSACTION_GAS_CAP ? gas : TRANSACTION_GAS_CAP;
}

/** The registry compares the same two hashes; here the mistake has a name before anything is sent. */
function demandBound({ endpoint, keyConfig }: RegistrationParts, userData: UserData): void {
  if (keccak256(new TextEncoder().encode(endpoint)) !== userData.endpointHash)
    throw new AssayError({
      code: "REGISTRY_ENDPOINT_MISMATCH",
      message: "the document was made for another endpoint; name the one that the enclave was started with",
      context: { endpoint },
    });
  if (keccak256(keyConfig) !== userData.keyConfigHash)
    throw new AssayError({
      code: "REGISTRY_KEY_CONFIG_MISMATCH",
      message: "the document was made for another key configuration; give the one of the same enclave",
      context: { bytes: keyConfig.length },
    });
}

const readUserData = (bytes: Uint8Array): UserData =>
  judged(
    () => decodeUserData(bytes),
    () => "RegistryUserDataMalformed",
  );

/** What breaks a rule of the byte level breaks the rule of the same name on the chain, where no other is given. */
function judged<T>(work: () => T, rule: (code: string) => string = ruleOf): T {
  try {
    return work();
  } catch (error) {
    if (!isAssayError(error)) throw error;
    throw refused(rule(error.code), error.context);
  }
}

function refused(rule: string, context: Readonly<Record<string, unknown>> = {}): AssayError {
  return new AssayError({
    code: "REGISTRY_DOCUMENT_REFUSED",
    message: `the document breaks the rule ${rule}, and nothing was sent; docs/attestation.md lists the rules`,
    context: { ...context, rule },
    retry: PASSING_RULES.has(rule) ? "later" : "never",
  });
}

function noVerifier(algorithm: CoseAlgorithm, verifier: Address): AssayError {
  const format = algorithm === "ES384" ? "AWS Nitro's format" : "the development format";
  return new AssayError({
    code: "REGISTRY_VERIFIER_MISSING",
    message: `the registry has no live verifier for documents of ${format}; its governor can add ${verifier} (scheduleVerifier)`,
    context: { algorithm, verifier },
  });
}
