import { expect } from "chai";
import { id } from "ethers";
import { RegistrationPlanner, registrationGas } from "../../../executor/app/registration";
import { DEVELOPMENT_VERIFIER, NITRO_VERIFIER, REGISTRY } from "../../../executor/app/registryAbi";
import { RegistryClient } from "../../../executor/app/registryClient";
import { isAssayError } from "../../../executor/domain/errors";
import { TRANSACTION_GAS_CAP } from "../../../executor/domain/gas";
import { type Address, address, type HexBytes, hex32, ZERO_32, ZERO_ADDRESS } from "../../../executor/domain/ids";
import { ephemeralPlatform } from "../../../executor/enclave/platform/platform";
import { bytesToHex } from "../../../executor/protocol/bytes";
import { keccak256 } from "../../../executor/protocol/statement";
import { encodeUserData } from "../../../executor/protocol/userData";
import type { RpcAnswer, RpcCall } from "../../../executor/rpc/client";
import { CHAIN, chainOf, documentOf, keyOf, LEAF, NOW, payloadOf, ROOT_HASH } from "../../fixtures/attestation/chain";
import { certificateParts } from "../../fixtures/attestation/hints";

const OPERATOR = address(`0x${"c3".repeat(20)}`);
const STRANGER = address(`0x${"d4".repeat(20)}`);
const CONTRACTS = {
  EnclaveRegistry: { address: address(`0x${"a1".repeat(20)}`) },
  ModelRegistry: { address: address(`0x${"a2".repeat(20)}`) },
  DevelopmentAttestationVerifier: { address: address(`0x${"a3".repeat(20)}`) },
  NitroAttestationVerifier: { address: address(`0x${"a4".repeat(20)}`) },
} as const;
const ENDPOINT = "https://operator.example";
const KEY_CONFIG = new Uint8Array(41).fill(7);
const USER_DATA = encodeUserData({
  level: 2,
  hardwareRooted: false,
  chainId: 31_337n,
  registry: CONTRACTS.EnclaveRegistry.address,
  hubDomain: ZERO_32,
  operator: OPERATOR,
  payout: OPERATOR,
  endpointHash: keccak256(new TextEncoder().encode(ENDPOINT)),
  keyConfigHash: keccak256(KEY_CONFIG),
  runtimeProfile: ZERO_32,
});
const PCRS = { pcr0: new Uint8Array(48).fill(1), pcr1: new Uint8Array(48).fill(2), pcr2: new Uint8Array(48).fill(3) };
const PUBLIC_KEY = new Uint8Array(65).fill(4);
const platform = ephemeralPlatform();
const DEVELOPMENT = platform.document({ pcrs: PCRS, publicKey: PUBLIC_KEY, userData: USER_DATA, nowMs: 1_000 * NOW });
const NITRO = documentOf(payloadOf(CHAIN, { userData: USER_DATA }));

interface World {
  now: number;
  /** Address, live from, revoked: by index. */
  verifiers: [Address, number, boolean][];
  /** Until when each CA certificate is cached, first to last. */
  cached: readonly number[];
  poster: Address;
  /** What a simulated call reverts with. */
  revert: HexBytes | undefined;
  sent: { data: HexBytes; gasLimit: bigint }[];
}

/** A chain of answers: what a planner reads, and what is simulated. */
function chainOfAnswers(changes: Partial<World> = {}) {
  const { DevelopmentAttestationVerifier: development, NitroAttestationVerifier: nitro } = CONTRACTS;
  const world: World = {
    now: NOW,
    verifiers: [
      [development.address, 1, false],
      [nitro.address, 1, false],
    ],
    cached: [0, 0, 0],
    poster: ZERO_ADDRESS,
    revert: undefined,
    sent: [],
    ...changes,
  };
  const entries = CHAIN.slice(1, -1).map((der, i) => {
    const key = certificateParts(CHAIN[i] as Uint8Array).publicKey;
    return [keccak256(certificateParts(der).tbs), keccak256(key)].join();
  });
  const answerTo = (data: string): string | undefined => {
    for (const contract of [REGISTRY, DEVELOPMENT_VERIFIER, NITRO_VERIFIER]) {
      const call = contract.parseTransaction({ data });
      if (call === null) continue;
      const say = (values: readonly unknown[]): string => contract.encodeFunctionResult(call.name, values);
      if (call.name === "verifierOf") {
        const [verifier, from, revoked] = world.verifiers[Number(call.args[0])] ?? [ZERO_ADDRESS, 0, false];
        // What else the registry may say of a verifier is of no concern here.
        return say([verifier, from, revoked, ...call.fragment.outputs.slice(3).map(() => false)]);
      }
      if (call.name === "rootHash") return say([ROOT_HASH]);
      if (call.name === "rootX") return say([platform.rootKey.subarray(0, 32)]);
      if (call.name === "rootY") return say([platform.rootKey.subarray(32)]);
      if (call.name === "cachedUntil") return say([world.cached[entries.indexOf(call.args.join())] ?? 0]);
      if (call.name === "operatorIdOf") return say([9]);
      if (call.name === "mayActFor") return say([call.args[1].toLowerCase() === world.poster]);
      return "0x";
    }
    return undefined;
  };
  const answer = ({ method, params }: RpcCall): RpcAnswer => {
    if (method === "eth_getBlockByNumber") return { ok: true, value: { timestamp: `0x${world.now.toString(16)}` } };
    const [{ data, from }] = params as [{ data: string; from?: string }];
    if (from !== undefined && world.revert !== undefined)
      return { ok: false, error: { code: 3, message: "execution reverted", data: world.revert } };
    return { ok: true, value: answerTo(data) };
  };
  const rpc = {
    batch: async (calls: readonly RpcCall[]) => calls.map(answer),
    call: async <T>(method: string, params: readonly unknown[] = []) => {
      const said = answer({ method, params });
      return (said.ok ? said.value : undefined) as T;
    },
  };
  const planner = new RegistrationPlanner(rpc, {
    registry: CONTRACTS.EnclaveRegistry.address,
    development: development.address,
    nitro: nitro.address,
  });
  const clientOf = (payer: Address): RegistryClient =>
    new RegistryClient({
      rpc,
      contracts: CONTRACTS,
      transactions: {
        address: payer,
        send: async ({ data, gasLimit }) => ({ nonce: world.sent.push({ data, gasLimit }) }),
        isOpen: () => false,
      },
    });
  const plan = (document: Uint8Array, endpoint = ENDPOINT, keyConfig = KEY_CONFIG) =>
    planner.plan({ document, endpoint, keyConfig });
  return { world, plan, clientOf };
}

async function codeOf(work: Promise<unknown>): Promise<readonly unknown[]> {
  try {
    await work;
    return ["nothing was thrown"];
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return [error.code, error.context.rule, error.retry];
  }
}

describe("app: registrations", () => {
  it("takes the verifier of the document's format, wherever the registry has it now", async () => {
    const { world, plan } = chainOfAnswers();
    expect((await plan(DEVELOPMENT)).verifierIndex).to.equal(0);
    expect((await plan(NITRO)).verifierIndex).to.equal(1);
    const [development, nitro] = world.verifiers as [[Address, number, boolean], [Address, number, boolean]];
    const other: [Address, number, boolean] = [STRANGER, 1, false];
    // The first entry was revoked, the next one is not live yet: the tenth is.
    const more = Array.from({ length: 6 }, () => other);
    world.verifiers = [[nitro[0], 1, true], [nitro[0], NOW + 1, false], ...more, development, nitro];
    expect((await plan(NITRO)).verifierIndex).to.equal(9);
    expect((await plan(DEVELOPMENT)).verifierIndex).to.equal(8);
    world.verifiers = [development, other, [nitro[0], 1, true]];
    expect(await codeOf(plan(NITRO))).to.deep.equal(["REGISTRY_VERIFIER_MISSING", undefined, "never"]);
  });

  it("hints for what is not cached, and asks for the gas of that", async () => {
    const { world, plan } = chainOfAnswers();
    const cold = await plan(NITRO);
    expect(cold.aux.length).to.equal(2 + 2 * 48 * 5);
    world.cached = [NOW + 86_400, NOW + 86_400, NOW + 86_400];
    const warm = await plan(NITRO);
    expect(warm.aux.length).to.equal(2 + 2 * 48 * 2);
    expect(warm.aux).to.equal(`0x${cold.aux.slice(2).slice(-2 * 48 * 2)}`);
    expect(cold.gasLimit - warm.gasLimit).to.equal(3_300_000n);
    // A hole keeps the hints behind it: the contract counts them from the end. One that ends soon counts as a hole.
    world.cached = [NOW + 86_400, NOW + 60, NOW + 86_400];
    const hole = await plan(NITRO);
    expect(hole.aux.length).to.equal(2 + 2 * 48 * 4);
    expect(hole.gasLimit - warm.gasLimit).to.equal(1_100_000n);
    const development = await plan(DEVELOPMENT);
    expect([development.aux, development.gasLimit < 1_500_000n]).to.deep.equal(["0x", true]);
  });

  it("never asks for more than a transaction may have", () => {
    expect(registrationGas({ bytes: 16_384, signatures: 10 })).to.equal(TRANSACTION_GAS_CAP);
  });

  for (const [what, document, rule, retry] of [
    ["signed by a stranger", documentOf(payloadOf(CHAIN), keyOf("stranger")), "P384SignaturesInvalid", "never"],
    ["of another root", documentOf(payloadOf(chainOf({ 0: () => undefined }).slice(1))), "NitroRootUnknown", "never"],
    [
      "whose leaf is not valid yet",
      documentOf(payloadOf(chainOf({ [LEAF]: (p) => (p.notBefore = p.notAfter) }))),
      "NitroNotYetValid",
      "later",
    ],
    ["that is none", new Uint8Array(100), "CoseProtectedHeader", "never"],
    [
      "without user data",
      documentOf(payloadOf(CHAIN, { userData: new Uint8Array() })),
      "RegistryUserDataMalformed",
      "never",
    ],
    [
      "of another development root",
      ephemeralPlatform().document({ pcrs: PCRS, publicKey: PUBLIC_KEY, userData: USER_DATA, nowMs: 1_000 * NOW }),
      "DevelopmentSignatureInvalid",
      "never",
    ],
  ] as const) {
    it(`refuses a document ${what} by its rule, and sends nothing`, async () => {
      const { world, clientOf } = chainOfAnswers();
      const registered = clientOf(OPERATOR).register({ document, endpoint: ENDPOINT, keyConfig: KEY_CONFIG });
      expect(await codeOf(registered)).to.deep.equal(["REGISTRY_DOCUMENT_REFUSED", rule, retry]);
      expect(world.sent).to.deep.equal([]);
    });
  }

  it("says which of the things beside the document is another one's", async () => {
    const { plan } = chainOfAnswers();
    expect((await codeOf(plan(NITRO, "https://other.example")))[0]).to.equal("REGISTRY_ENDPOINT_MISMATCH");
    expect((await codeOf(plan(NITRO, ENDPOINT, new Uint8Array(41))))[0]).to.equal("REGISTRY_KEY_CONFIG_MISMATCH");
  });

  it("brings the operator's consent where another account pays, and refuses to send without it", async () => {
    const { world, clientOf } = chainOfAnswers();
    const input = { document: NITRO, endpoint: ENDPOINT, keyConfig: KEY_CONFIG };
    const sentConsent = (): readonly unknown[] => {
      const call = REGISTRY.parseTransaction({ data: world.sent.pop()?.data ?? "0x" });
      return [call?.name, Number(call?.args[0].consentDeadline), call?.args[0].consent];
    };
    await clientOf(OPERATOR).register(input);
    expect(sentConsent()).to.deep.equal(["register", 0, "0x"]);
    for (const name of ["register", "renew"] as const) {
      expect((await codeOf(clientOf(STRANGER)[name](input)))[0]).to.equal("REGISTRY_CONSENT_MISSING");
      const asked: unknown[] = [];
      await clientOf(STRANGER)[name]({
        ...input,
        consent: async (consent) => {
          asked.push(consent);
          return "0x1234";
        },
      });
      const { claims } = await chainOfAnswers().plan(NITRO);
      expect(asked).to.deep.equal([{ payloadHash: claims.payloadHash, operator: OPERATOR, deadline: NOW + 3_600 }]);
      expect(sentConsent()).to.deep.equal([name, NOW + 3_600, "0x1234"]);
    }
    // The operator's poster renews by itself, as the registry allows, and registers nothing.
    world.poster = STRANGER;
    await clientOf(STRANGER).renew(input);
    expect(sentConsent()).to.deep.equal(["renew", 0, "0x"]);
    expect((await codeOf(clientOf(STRANGER).register(input)))[0]).to.equal("REGISTRY_CONSENT_MISSING");
    expect(world.sent).to.deep.equal([]);
  });

  it("drains and revokes by the calls of the registry, with small limits", async () => {
    const { world, clientOf } = chainOfAnswers();
    const client = clientOf(OPERATOR);
    await client.drain(STRANGER);
    await client.revokeImage(hex32(`0x${"12".repeat(32)}`), NOW);
    await client.revokeRoot(hex32(`0x${"34".repeat(32)}`));
    const word = (hex: string): string => hex.padStart(64, "0");
    expect(world.sent.map(({ data }) => data)).to.deep.equal([
      `${id("drain(address)").slice(0, 10)}${word(STRANGER.slice(2))}`,
      `${id("revokeImage(bytes32,uint40)").slice(0, 10)}${"12".repeat(32)}${word(NOW.toString(16))}`,
      `${id("revokeRoot(bytes32)").slice(0, 10)}${"34".repeat(32)}`,
    ]);
    for (const { gasLimit } of world.sent) expect(gasLimit < 300_000n).to.equal(true);
  });

  it("names the rule of the chain that the twin can not know", async () => {
    const { world, clientOf } = chainOfAnswers();
    const input = { document: NITRO, endpoint: ENDPOINT, keyConfig: KEY_CONFIG };
    for (const [data, rule] of [
      [REGISTRY.encodeErrorResult("RegistryDocumentSpent", [ZERO_32]), "RegistryDocumentSpent"],
      [NITRO_VERIFIER.encodeErrorResult("NitroRevoked", [2]), "NitroRevoked"],
      [bytesToHex(new Uint8Array(4).fill(0xee)), undefined],
    ] as const) {
      world.revert = data as HexBytes;
      expect(await codeOf(clientOf(OPERATOR).register(input))).to.deep.equal(["REGISTRY_CALL_REVERTS", rule, "later"]);
    }
    expect(world.sent).to.deep.equal([]);
  });
});
