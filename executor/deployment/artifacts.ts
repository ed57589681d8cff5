import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { InterfaceAbi } from "ethers";
import { AssayError } from "../domain/errors";

export interface Artifact {
  readonly abi: InterfaceAbi;
  readonly bytecode: string;
  /** As it lies on the chain, where it has no immutables. */
  readonly deployedBytecode: string;
}

/** The contracts that make up a deployment, and the source each is compiled from. */
export const CONTRACT_SOURCES = {
  DevelopmentAttestationVerifier: "attestation/DevelopmentAttestationVerifier.sol",
  EnclaveRegistry: "EnclaveRegistry.sol",
  InferenceHub: "InferenceHub.sol",
  ModelRegistry: "ModelRegistry.sol",
  IntentForwarder: "IntentForwarder.sol",
  BatchDelegate: "BatchDelegate.sol",
  NitroAttestationVerifier: "attestation/NitroAttestationVerifier.sol",
  P384: "attestation/P384.sol",
} as const;
export type ContractName = keyof typeof CONTRACT_SOURCES;

/** The package's folder, found from here upwards, because this file runs from `executor/` and from `dist/executor/`. */
export function packageRoot(from: string = __dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (folder === dirname(folder))
      throw new AssayError({
        code: "PACKAGE_NOT_FOUND",
        message: "no package.json above this file",
        context: { from },
      });
  }
}

/** @throws AssayError `ARTIFACT_MISSING` when the contracts were not compiled */
export function readArtifact(source: string, name: string): Artifact {
  const file = join(packageRoot(), "artifacts", "contracts", source, `${name}.json`);
  if (!existsSync(file)) {
    throw new AssayError({
      code: "ARTIFACT_MISSING",
      message: `${name} is not compiled; run: npx hardhat compile`,
      context: { name },
    });
  }
  return JSON.parse(readFileSync(file, "utf8")) as Artifact;
}
