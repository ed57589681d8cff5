import { expect } from "chai";
import { AbiCoder, concat, id, TypedDataEncoder } from "ethers";
import { address, type HexBytes, hex32, ZERO_32, ZERO_ADDRESS } from "../../../executor/domain/ids";
import type { FilledInference, PortableAnswer } from "../../../executor/domain/inference";
import type { IntentFields } from "../../../executor/domain/pipe";
import { bytesToHex } from "../../../executor/protocol/bytes";
import {
  decodeSignedIntent,
  encodeSignedIntent,
  INTENT_TYPES,
  intentDigest,
  intentDomain,
} from "../../../executor/protocol/intent";
import * as portable from "../../../executor/protocol/portable";
import { domainSeparator, keccak256, RESULT_TYPE } from "../../../executor/protocol/statement";
import { readVectors } from "../../../scripts/vectors/write";

const h = (text: string) => hex32(id(text));
const account = (byte: string) => address(`0x${byte.repeat(20)}`);
// Written by hand from contracts/interfaces/, not from the generated ABI: a second reading of the same page.
const TERMS = "tuple(uint8,bytes32,bytes32)";
const RESULTS = `tuple(tuple(bytes32,bytes32,${TERMS}),bytes32,uint96,uint64,uint64,bytes,bytes)[]`;
const INTENT = "tuple(address,address,uint256,bytes,uint256,uint64,uint96,uint96,uint96,uint32,address)";
const abi = AbiCoder.defaultAbiCoder();
const selector = (signature: string) => id(signature).slice(0, 10);

const terms = { minTrust: 3, profile: h("profile"), imageId: h("image") };
const filled = (name: string): FilledInference => {
  const inference = portable.inferenceOf(h(`model/${name}`), new TextEncoder().encode(name), terms);
  const answer: PortableAnswer = {
    modelHash: inference.modelHash,
    inputHash: inference.inputHash,
    signer: account("aa"),
    trust: 3,
    imageId: terms.imageId,
    runtimeProfile: terms.profile,
    feeWei: 2n ** 96n - 1n,
    issuedAt: 1_000,
    expiresAt: 2_000,
    output: new TextEncoder().encode(`output of ${name}, longer than one word of the ABI`),
    proof: new Uint8Array(64).fill(7),
  };
  return { inference, answer };
};
const intent: IntentFields = {
  from: account("01"),
  target: account("02"),
  value: 3n,
  data: "0x1234",
  nonce: 2n ** 256n - 1n,
  deadline: 2n ** 64n - 1n,
  maxResultFeeWei: 4n,
  relayFeeWei: 5n,
  maxFailureFeeWei: 6n,
  gas: 2 ** 32 - 1,
  relayer: ZERO_ADDRESS,
};
const flat = ({ inference: i, answer: a }: FilledInference) => [
  [i.modelHash, i.inputHash, [i.terms.minTrust, i.terms.profile, i.terms.imageId]],
  a.runtimeProfile,
  a.feeWei,
  a.issuedAt,
  a.expiresAt,
  bytesToHex(a.output),
  bytesToHex(a.proof),
];

describe("protocol/portable", () => {
  it("makes the key that the committed vector has", () => {
    const { key, minTrust, profile, imageId, ...rest } = JSON.parse(readVectors("protocol")).inferenceKey;
    expect(portable.inferenceKey({ ...rest, terms: { minTrust, profile, imageId } })).to.equal(key);
  });

  it("hashes the input for the key", () => {
    const { inputHash, key } = portable.inferenceOf(h("m"), Uint8Array.of(1, 2), terms);
    expect(inputHash).to.equal(keccak256(Uint8Array.of(1, 2)));
    const words = [h("m"), inputHash, 3, terms.profile, terms.imageId];
    expect(key).to.equal(id_(abi.encode(["bytes32", "bytes32", "uint8", "bytes32", "bytes32"], words)));
  });

  it("signs the statement of nobody's request, as ethers hashes it", () => {
    const hub = { name: "Assay" as const, chainId: 31_337n, contract: account("11") };
    const { answer } = filled("a");
    const [, list = ""] = /\((.*)\)/.exec(RESULT_TYPE) ?? [];
    const fields = list.split(",").map((field) => {
      const [type = "", name = ""] = field.split(" ");
      return { type, name };
    });
    const domain = { name: "Assay", version: "1", chainId: 31_337, verifyingContract: account("11") };
    const { feeWei, issuedAt, expiresAt, modelHash, inputHash, runtimeProfile, output } = answer;
    const value = {
      ...{ requestId: ZERO_32, contextRoot: ZERO_32, requester: ZERO_ADDRESS, outputHash: keccak256(output) },
      ...{ feeWei, issuedAt, expiresAt, modelHash, inputHash, runtimeProfile },
    };
    expect(portable.portableDigest(domainSeparator(hub), answer)).to.equal(
      TypedDataEncoder.hash(domain, { ResultStatement: fields }, value),
    );
  });

  for (const names of [[], ["a"], ["a", "b", "c"]]) {
    it(`encodes calls with ${names.length} results as the interfaces say`, () => {
      const results = names.map(filled);
      const tuples = results.map(flat);
      expect(portable.encodeProvide(results)).to.equal(
        concat([
          selector("provide(((bytes32,bytes32,(uint8,bytes32,bytes32)),bytes32,uint96,uint64,uint64,bytes,bytes)[])"),
          abi.encode([RESULTS], [tuples]),
        ]),
      );
      expect(portable.encodePublishFor(results, [account("05")])).to.equal(
        concat([
          selector(
            "publishFor(((bytes32,bytes32,(uint8,bytes32,bytes32)),bytes32,uint96,uint64,uint64,bytes,bytes)[],address[])",
          ),
          abi.encode([RESULTS, "address[]"], [tuples, names.map((_, i) => (i === 0 ? account("05") : ZERO_ADDRESS))]),
        ]),
      );
      expect(portable.encodeExecute(intent, "0xabcd", results)).to.equal(
        concat([
          selector(
            "execute((address,address,uint256,bytes,uint256,uint64,uint96,uint96,uint96,uint32,address),bytes,((bytes32,bytes32,(uint8,bytes32,bytes32)),bytes32,uint96,uint64,uint64,bytes,bytes)[])",
          ),
          abi.encode([INTENT, "bytes", RESULTS], [Object.values(intent), "0xabcd", tuples]),
        ]),
      );
    });
  }

  describe("what a revert asks", () => {
    const asked = portable.inferenceOf(h("model"), Uint8Array.of(1, 2, 3), terms);
    const revert = (key: string, minTrust = 3): HexBytes =>
      concat([
        selector("InferenceRequired(bytes32,bytes32,bytes,(uint8,bytes32,bytes32))"),
        abi.encode(
          ["bytes32", "bytes32", "bytes", TERMS],
          [key, asked.modelHash, "0x010203", [minTrust, terms.profile, terms.imageId]],
        ),
      ]) as HexBytes;

    it("is read whole, with bytes behind it or without", () => {
      expect(portable.decodeInferenceRequired(revert(asked.key))).to.deep.equal(asked);
      expect(portable.decodeInferenceRequired(`${revert(asked.key)}00`)).to.deep.equal(asked);
    });

    for (const [what, data] of [
      ["nothing", "0x"],
      ["another error", "0x08c379a0"],
      ["the selector alone", revert(asked.key).slice(0, 10)],
      ["half of it", revert(asked.key).slice(0, 200)],
      ["the key of another question", revert(h("other"))],
      ["a trust level that does not exist", revert(asked.key, 5)],
    ] as const) {
      it(`is nothing where it is ${what}`, () => {
        expect(portable.decodeInferenceRequired(data as HexBytes)).to.equal(undefined);
      });
    }
  });
});

describe("protocol/intent", () => {
  const place = { chainId: 31_337n, forwarder: account("12") };

  it("has the digest that wallets sign", () => {
    expect(intentDigest(place, intent)).to.equal(TypedDataEncoder.hash(intentDomain(place), INTENT_TYPES, intent));
  });

  it("keeps a signed intent as the ABI has it, and reads it back", () => {
    const payload = encodeSignedIntent(intent, "0xabcd");
    expect(payload).to.equal(abi.encode([INTENT, "bytes"], [Object.values(intent), "0xabcd"]));
    expect(decodeSignedIntent(payload)).to.deep.equal({ intent, signature: "0xabcd" });
  });
});

function id_(hex: string): string {
  return keccak256(Buffer.from(hex.slice(2), "hex"));
}
