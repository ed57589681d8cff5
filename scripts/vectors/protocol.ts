import { address, hex32 } from "../../executor/domain/ids";
import { bytesToHex } from "../../executor/protocol/bytes";
import * as st from "../../executor/protocol/statement";
import { encodeTerms, standardTerms, type Terms } from "../../executor/protocol/terms";
import { isMain, writeVectors } from "./write";

const fill = (byte: string): ReturnType<typeof hex32> => hex32(`0x${byte.repeat(32)}`);
const account = (byte: string): ReturnType<typeof address> => address(`0x${byte.repeat(20)}`);

const TERMS: Readonly<Record<string, Terms>> = {
  "only a deadline": standardTerms({ deadline: 1_800_000_000 }),
  "every field at its greatest": {
    version: 1,
    deadline: 2 ** 40 - 1,
    retryUntil: 2 ** 40 - 1,
    callbackGas: 5_000_000,
    minTrust: 255,
    proofKind: 255,
    inputKind: 255,
    assignedOperator: 2 ** 32 - 1,
    refusalFeeWei: 2n ** 72n - 1n,
    profile: fill("ff"),
    imageId: fill("ee"),
    contextRoot: fill("dd"),
    refundTo: account("cc"),
  },
  "a callback with a profile": standardTerms({
    deadline: 1_800_000_000,
    retryUntil: 1_800_003_600,
    callbackGas: 200_000,
    minTrust: 3,
    profile: fill("a1"),
  }),
  "an image and a refund address": standardTerms({
    deadline: 1_800_000_000,
    imageId: fill("b2"),
    refundTo: account("c3"),
    refusalFeeWei: 7n,
  }),
  "a context root alone": standardTerms({ deadline: 1, contextRoot: fill("d4") }),
};

/** Byte strings that are no terms: each breaks one rule of docs/protocol.md, section 2. */
const MALFORMED: Readonly<Record<string, string>> = {
  empty: "0x",
  "one byte short": `0x01${"00".repeat(30)}`,
  "one byte too long": `0x01${"00".repeat(32)}`,
  "an unknown version": `0x02${"00".repeat(31)}`,
  "an unknown flag": `0x01${"00".repeat(30)}10`,
  "a profile that is absent": `0x01${"00".repeat(30)}01`,
  "a profile that is zero": `0x01${"00".repeat(30)}01${"00".repeat(32)}`,
  "a refund address that is zero": `0x01${"00".repeat(30)}08${"00".repeat(20)}`,
  "a refund address cut short": `0x01${"00".repeat(30)}08${"11".repeat(19)}`,
  "too much callback gas": `0x01${"00".repeat(10)}004c4b41${"00".repeat(17)}`,
  "a retry before the deadline": `0x01${"0000000009"}${"0000000008"}00000001${"00".repeat(17)}`,
  "a retry without a callback": `0x01${"0000000009"}${"000000000a"}00000000${"00".repeat(17)}`,
};

export function protocolVectors(): unknown {
  const hub = account("11");
  const domain = st.domainSeparator({ name: "Assay", chainId: 31_337n, contract: hub });
  const registryDomain = st.domainSeparator({ name: "AssayRegistry", chainId: 31_337n, contract: account("12") });
  const requests = Object.entries(TERMS).map(([name, terms], i) => {
    const termsBytes = encodeTerms(terms);
    const request = {
      requester: account("21"),
      salt: fill("31"),
      modelHash: fill("41"),
      inputHash: fill("51"),
      terms: termsBytes,
      rewardWei: i === 1 ? 2n ** 96n - 1n : BigInt(i) * 10n ** 15n,
    };
    const requestId = st.requestIdOf(domain, request);
    const times = { issuedAt: 1_799_999_000 + i, expiresAt: 1_799_999_600 + i };
    const statement = st.boundStatement({
      requestId,
      request,
      terms,
      outputHash: fill("61"),
      runtimeProfile: fill("71"),
      ...times,
    });
    const refusal = { requestId, reason: 4, ...times };
    return {
      name,
      terms: { ...terms, refusalFeeWei: terms.refusalFeeWei.toString() },
      termsBytes: bytesToHex(termsBytes),
      request: { ...request, terms: bytesToHex(termsBytes), rewardWei: request.rewardWei.toString() },
      requestId,
      statement: { ...statement, feeWei: statement.feeWei.toString() },
      statementHash: st.hashResult(statement),
      resultDigest: st.typedDigest(domain, st.hashResult(statement)),
      refusalDigest: st.typedDigest(domain, st.hashRefusal(refusal)),
    };
  });
  const admission = { modelHash: fill("41"), signatureHash: fill("81"), issuedAt: 5, expiresAt: 9 };
  const heartbeat = { signer: account("91"), counter: 3n, blockNumber: 77n, blockHash: fill("a1") };
  const key = { modelHash: fill("41"), inputHash: fill("51"), minTrust: 3, profile: fill("71"), imageId: fill("b2") };
  return {
    hub,
    chainId: 31_337,
    domain,
    registryDomain,
    requests,
    malformedTerms: Object.entries(MALFORMED).map(([name, bytes]) => ({ name, bytes })),
    admission: { ...admission, digest: st.typedDigest(domain, st.hashAdmission(admission)) },
    heartbeat: {
      ...heartbeat,
      counter: 3,
      blockNumber: 77,
      digest: st.typedDigest(registryDomain, st.hashHeartbeat(heartbeat)),
    },
    inferenceKey: { ...key, key: st.inferenceKeyOf(key) },
  };
}

if (isMain(module)) writeVectors("protocol", protocolVectors());
