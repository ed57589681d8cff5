import { Contract, ContractFactory, Interface, JsonRpcProvider, type JsonRpcSigner } from "ethers";
import { AssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import { nitroHints } from "../protocol/nitroHints";
import { CONTRACT_SOURCES, readArtifact } from "./artifacts";
import { type LocalNode, nodeProgram, startLocalNode } from "./localNode";

/** What the Solidity verifier says of a document, with the gas of whole transactions if it accepts it. */
export type SolidityVerdict =
  | { readonly ok: true; readonly gasCold: number; readonly gasWarm: number }
  | { readonly ok: false; readonly rule: string };

/** EIP-7825: no transaction can have more. */
const TRANSACTION_GAS = 16_777_216;
const BLOCK_GAS = 4 * TRANSACTION_GAS;
const CHAIN_ID = 31_337;
/** Signatures to verify where the CA certificates are cached: the target's and the document's. */
const WARM_SIGNATURES = 2;

/**
 * The Solidity verifier on an anvil of its own, on a free loopback port, for verdicts at any time since 1970. Nothing is estimated: gas is that of
 * transactions that were mined, and then taken back.
 */
export class NitroVerifierEvm {
  private constructor(
    private readonly node: LocalNode,
    private readonly provider: JsonRpcProvider,
    private readonly signer: JsonRpcSigner,
    private readonly verifier: Contract,
    private readonly errors: Interface,
  ) {}

  /**
   * Starts the node and deploys P384 and the verifier.
   * @param rootHash keccak256 of the DER of the root to pin
   * @throws AssayError `LOCAL_NODE_MISSING` without an anvil for this platform, `LOCAL_NODE_FAILED`, `ARTIFACT_MISSING`
   */
  static async start(rootHash: Hex32): Promise<NitroVerifierEvm> {
    const anvil = nodeProgram("anvil", 0);
    if (anvil === undefined)
      throw new AssayError({
        code: "LOCAL_NODE_MISSING",
        message:
          "there is no anvil here to run the Solidity verifier on: it is an optional package of npm, so run npm install without --omit=optional (npm has it for Linux on x86-64)",
      });
    // A chain that begins in 1970: the blocks of documents come later, and time can only go on.
    const args = [...anvil.args, "--timestamp", "1", "--chain-id", String(CHAIN_ID), "--gas-limit", String(BLOCK_GAS)];
    const node = await startLocalNode([{ ...anvil, args }]);
    const provider = new JsonRpcProvider(node.url, CHAIN_ID, { staticNetwork: true, cacheTimeout: -1 });
    try {
      const signer = await provider.getSigner(0);
      const p384 = await deploy(signer, "P384", []);
      const verifier = await deploy(signer, "NitroAttestationVerifier", [await p384.getAddress(), rootHash]);
      const fragments = [verifier, p384].flatMap((each) => each.interface.fragments);
      const errors = new Interface(fragments.filter(({ type }) => type === "error"));
      return new NitroVerifierEvm(node, provider, signer, verifier, errors);
    } catch (error) {
      provider.destroy();
      await node.stop();
      throw error;
    }
  }

  /** The verdict in a block at this second. */
  async verdict(document: Uint8Array, at: bigint): Promise<SolidityVerdict> {
    const rule = await this.#refusal(document, at);
    return rule === undefined ? { ok: true, ...(await this.#measure(document, at)) } : { ok: false, rule };
  }

  /** Ends the node; calling it again is harmless. */
  async stop(): Promise<void> {
    this.provider.destroy();
    await this.node.stop();
  }

  async #refusal(document: Uint8Array, at: bigint): Promise<string | undefined> {
    const data = this.verifier.interface.encodeFunctionData("verify", [document, nitroHints(document)]);
    const request = { to: this.verifier.target, data, gas: hexOf(TRANSACTION_GAS) };
    try {
      await this.provider.send("eth_call", [request, "latest", {}, { time: hexOf(at) }]);
      return undefined;
    } catch (error) {
      const parsed = this.errors.parseError(revertData(error) ?? "0x");
      // Without a revert's data it is the node that failed, and says nothing about the document.
      if (parsed === null)
        throw new AssayError({ code: "LOCAL_NODE_FAILED", message: "the anvil node gave no verdict", cause: error });
      return parsed.name;
    }
  }

  /** A verification with nothing cached, one that caches, and one with the CA certificates cached: all in one block at this second. */
  async #measure(document: Uint8Array, at: bigint): Promise<{ gasCold: number; gasWarm: number }> {
    const before = await this.provider.send("evm_snapshot", []);
    await this.provider.send("evm_setAutomine", [false]);
    await this.provider.send("evm_setNextBlockTimestamp", [Number(at)]);
    const from = await this.signer.getAddress();
    const hashes: string[] = [];
    for (const [method, last] of [
      ["verify", undefined],
      ["cacheCertificates", undefined],
      ["verify", WARM_SIGNATURES],
    ] as const) {
      const data = this.verifier.interface.encodeFunctionData(method, [document, nitroHints(document, last)]);
      const request = { from, to: this.verifier.target, data, gas: hexOf(TRANSACTION_GAS) };
      hashes.push(await this.provider.send("eth_sendTransaction", [request]));
    }
    await this.provider.send("evm_mine", []);
    const used = await Promise.all(hashes.map((hash) => this.#gasOf(hash)));
    await this.provider.send("evm_setAutomine", [true]);
    await this.provider.send("evm_revert", [before]);
    const [gasCold, , gasWarm] = used as [number, number, number];
    return { gasCold, gasWarm };
  }

  async #gasOf(hash: string): Promise<number> {
    const receipt = await this.provider.send("eth_getTransactionReceipt", [hash]);
    if (receipt?.status !== "0x1")
      throw new AssayError({
        code: "NITRO_MEASUREMENT_FAILED",
        message: "a transaction failed, though the same call was accepted",
        context: { hash },
      });
    return Number(receipt.gasUsed);
  }
}

async function deploy(
  signer: JsonRpcSigner,
  name: "P384" | "NitroAttestationVerifier",
  args: readonly unknown[],
): Promise<Contract> {
  const { abi, bytecode } = readArtifact(CONTRACT_SOURCES[name], name);
  const deployed = await new ContractFactory(abi, bytecode, signer).deploy(...args);
  await deployed.waitForDeployment();
  return new Contract(await deployed.getAddress(), abi, signer);
}

const hexOf = (value: number | bigint): string => `0x${value.toString(16)}`;

/** ethers wraps the node's error in others; the revert's data is the first hex `data` inside. */
function revertData(error: unknown): string | undefined {
  for (let at = error; typeof at === "object" && at !== null; ) {
    const { data, error: inner, info } = at as { data?: unknown; error?: unknown; info?: unknown };
    if (typeof data === "string" && data.startsWith("0x")) return data;
    at = inner ?? info;
  }
  return undefined;
}
