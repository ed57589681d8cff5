import { join } from "node:path";
import type { Command } from "commander";
import { checkDeployment, type DeploymentRecord, readDeployment } from "../deployment/record";
import { AssayError } from "../domain/errors";
import { RpcClient } from "../rpc/client";
import { rpcDeploymentChain } from "../rpc/deploymentChain";

export interface ChainOptions {
  readonly rpcUrl: string;
  readonly network: string;
  readonly deployment?: string;
  readonly json?: boolean;
}

/** The options of every command that reads a chain. */
export function withChain(command: Command): Command {
  return withDeployment(
    command.option("--rpc-url <url>", "JSON-RPC address of the chain", "http://127.0.0.1:8545"),
  ).option("--json", "print one JSON object");
}

/** The options that name a deployment. */
export function withDeployment(command: Command): Command {
  return command
    .option("--network <name>", "name of the deployment: deployments/<name>.json", "localhost")
    .option("--deployment <file>", "deployment record, where it is another file");
}

export interface Connected {
  readonly rpc: RpcClient;
  readonly record: DeploymentRecord;
}

/**
 * Reads the record, opens the address, and closes it when the work is done.
 * @throws AssayError `CLI_RPC_URL_INVALID`, those of the record, and those of the work
 */
export async function connected<T>(options: ChainOptions, work: (connection: Connected) => Promise<T>): Promise<T> {
  if (!URL.canParse(options.rpcUrl) || !/^https?:$/.test(new URL(options.rpcUrl).protocol))
    throw new AssayError({ code: "CLI_RPC_URL_INVALID", message: "--rpc-url takes an http or https address" });
  const record = readDeployment(options.deployment ?? join("deployments", `${options.network}.json`));
  const rpc = new RpcClient({ urls: [options.rpcUrl] });
  try {
    return await work({ rpc, record });
  } finally {
    rpc.close();
  }
}

/**
 * As `connected`, after a look whether the chain is the one of the record: what another chain has at these addresses means nothing.
 * @throws AssayError also `DEPLOYMENT_WRONG_CHAIN`, `DEPLOYMENT_GENESIS_MISMATCH`, `DEPLOYMENT_CODE_MISMATCH`
 */
export function connectedToDeployment<T>(
  options: ChainOptions,
  work: (connection: Connected) => Promise<T>,
): Promise<T> {
  return connected(options, async (connection) => {
    await checkDeployment(connection.record, rpcDeploymentChain(connection.rpc));
    return work(connection);
  });
}
