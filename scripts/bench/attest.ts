import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { keccak256, type Signer } from "ethers";
import type { HardhatRuntimeEnvironment } from "hardhat/types";
import { decodeCoseSign1 } from "../../executor/protocol/cose";
import { decodeNitroPayload } from "../../executor/protocol/nitroDocument";
import { as, enclaveKey } from "../../test/contracts/helpers/world";
import { CHAIN, documentOf, NOW, payloadOf, ROOT_HASH } from "../../test/fixtures/attestation/chain";
import { encodeSignature, type Words, words } from "../../test/fixtures/attestation/curve";
import { Evm } from "../../test/fixtures/attestation/evm";
import { hintsOf, signaturesOf } from "../../test/fixtures/attestation/hints";
import { NitroEvm } from "../../test/fixtures/attestation/nitroEvm";
import { deployNitroWorld, nitroRegistration } from "../../test/fixtures/attestation/registration";
import { type AttestCase, checkPeakMb, twinMs } from "./attestCheck";

const DATA = process.env.ASSAY_DATA ?? join(__dirname, "../../../shared/data");
const HASHED_BYTES = 4_500;
const HASHED_BLOCKS = Math.ceil((HASHED_BYTES + 17) / 128);
const PRODUCTS = 1_000;
const GAS_LIMIT = 16_777_216;

/** The real documents, or, where that data is not at hand, three of their format whose sizes span theirs. */
function cases(): { readonly rootHash: string; readonly root?: Uint8Array; readonly list: readonly AttestCase[] } {
  const folder = join(DATA, "nitro");
  if (existsSync(folder)) {
    const list = readdirSync(folder)
      .filter((name) => name.endsWith(".cose"))
      .map((name) => {
        const document = readFileSync(join(folder, name));
        const { timestampMs } = decodeNitroPayload(decodeCoseSign1(document, "ES384").payload);
        return { document, seconds: Number(timestampMs / 1000n) };
      });
    return { rootHash: keccak256(readFileSync(join(folder, "aws-nitro-root-g1.der"))), list };
  }
  console.error("no data/nitro (ASSAY_DATA says where it is): measured on documents of the development chain");
  const list = [0, 32, 1_024].map((size) => {
    const field = new Uint8Array(size);
    return {
      document: documentOf(payloadOf(CHAIN, { publicKey: field, userData: field, nonce: field })),
      seconds: NOW,
    };
  });
  return { rootHash: ROOT_HASH, root: CHAIN[0] as Uint8Array, list };
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return Math.round(((sorted[Math.ceil(half) - 1] as number) + (sorted[Math.floor(half)] as number)) / 2);
};

/** What a registration costs over the verification of its document, measured on one that the registry takes. */
async function registryPart(hre: HardhatRuntimeEnvironment, evm: Evm, seconds: number): Promise<number> {
  const nitro = await NitroEvm.on(evm, ROOT_HASH);
  const world = await deployNitroWorld(hre, nitro);
  const operator: Signer = await evm.provider.getSigner(1);
  const key = enclaveKey("bench/nitro");
  const { document, registration } = nitroRegistration(world, { key, operator: await operator.getAddress() });
  const alone = await nitro.mine("verify", [document, hintsOf(document)], seconds);
  const sent = await as(world.registry, operator).register(registration, { gasLimit: GAS_LIMIT });
  return Number((await sent.wait())?.gasUsed) - alone;
}

/**
 * What attestation costs, on an anvil where it is gas, by the keys of the table. `cold` and `warm` are medians of whole registrations: the transaction that
 * verifies a real document, plus what the registry adds (real documents are made for no registry of ours).
 * @throws Error where npm has no anvil for this platform
 */
export async function measureAttest(hre: HardhatRuntimeEnvironment): Promise<Record<string, number>> {
  const evm = await Evm.open();
  if (evm === undefined) throw new Error("attestation is measured on anvil, which npm does not have for this platform");
  try {
    const { rootHash, root, list } = cases();
    const nitro = await NitroEvm.on(evm, rootHash);
    const cold: number[] = [];
    const warm: number[] = [];
    let largest = { bytes: 0, gas: 0 };
    let clock = 0;
    for (const { document, seconds } of [...list].sort((a, b) => a.seconds - b.seconds)) {
      clock = Math.max(clock + 1, seconds);
      const gas = await nitro.mine("verify", [document, hintsOf(document)], clock);
      cold.push(gas);
      if (document.length > largest.bytes) largest = { bytes: document.length, gas };
      await nitro.mine("cacheCertificates", [document, hintsOf(document)], ++clock);
      warm.push(await nitro.mine("verify", [document, hintsOf(document, 2)], ++clock));
    }
    const signatures = list
      .flatMap(({ document }) => signaturesOf(document))
      .map((each) => `0x${encodeSignature(each)}`);
    const verify = await Promise.all(signatures.slice(0, 12).map((each) => callGas(nitro, "verify", [each])));
    const registry = await registryPart(hre, evm, Math.max(NOW, clock + 1));
    return {
      "gas.attest.cold": median(cold) + registry,
      // Each was verified by the one transaction that was mined, and a registration is within the cap of a transaction.
      "gas.attest.coldTransactions": Math.ceil((Math.max(...cold) + registry) / GAS_LIMIT),
      "gas.attest.warm": median(warm) + registry,
      "gas.attest.largest": largest.gas + registry,
      "gas.p384.verify": median(verify),
      ...(await measureParts(evm)),
      "attest.tsMs": await twinMs(list, rootHash),
      "memory.attestCheckMb": await checkPeakMb(list, root),
    };
  } finally {
    await evm.stop();
  }
}

async function callGas(nitro: NitroEvm, method: string, args: readonly unknown[]): Promise<number> {
  const data = nitro.p384.interface.encodeFunctionData(method, [...args]);
  return Number(await nitro.evm.provider.send("eth_estimateGas", [{ to: nitro.p384.target, data }]));
}

async function measureParts(evm: Evm): Promise<Record<string, number>> {
  const harness = await evm.deploy("mocks/P384Harness.sol", "P384Harness");
  const factor: Words = words(3n ** 240n);
  const [, product] = await harness.getFunction("chain")(factor, factor, PRODUCTS);
  const { gasUsed } = await harness.getFunction("sha384")(new Uint8Array(HASHED_BYTES).fill(0x5a));
  return {
    "gas.p384.fieldMul": Number(product),
    "gas.sha384.block": Math.ceil(Number(gasUsed) / HASHED_BLOCKS),
  };
}
