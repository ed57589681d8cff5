import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { writeDeployment } from "../../../executor/deployment/record";
import { freePort } from "../../../scripts/start/freePort";
import { RECORD } from "../deployment/fixtures";
import { assay } from "./run";

interface Call {
  readonly id: number;
  readonly method: string;
}

const REQUEST = `0x${"ab".repeat(32)}`;
const COMMANDS: readonly (readonly string[])[] = [["quote"], ["verify", REQUEST], ["enclave", "list"]];

describe("command line without the node that it needs", function () {
  this.timeout(60_000);
  let folder: string;
  let node: Server;
  let url: string;
  /** What the node was asked, and what it answers to everything. */
  let asked: string[] = [];
  let said: unknown;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "assay-node-down-"));
    writeDeployment(join(folder, "deployment.json"), RECORD);
    node = createServer((incoming, response) => {
      let body = "";
      incoming.on("data", (part) => {
        body += String(part);
      });
      incoming.on("end", () => {
        const answer = ({ id, method }: Call) => {
          asked.push(method);
          return { jsonrpc: "2.0", id, result: said };
        };
        const calls = JSON.parse(body) as Call | Call[];
        response.end(JSON.stringify(Array.isArray(calls) ? calls.map(answer) : answer(calls)));
      });
    });
    await new Promise<void>((done) => node.listen(0, "127.0.0.1", done));
    url = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
  });
  after(() => {
    node.closeAllConnections();
    node.close();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    asked = [];
  });

  const run = (command: readonly string[], rpcUrl: string) =>
    assay([...command, "--deployment", "deployment.json", "--rpc-url", rpcUrl], folder);

  for (const command of COMMANDS) {
    it(`assay ${command[0]}: says that no node is up`, async () => {
      const ended = await run(command, `http://127.0.0.1:${await freePort()}`);
      expect(ended.stderr).to.match(/^RPC_UNREACHABLE: /);
      expect(ended.code).to.equal(3);
    });

    it(`assay ${command[0]}: says that the node is on another chain, before it reads anything there`, async () => {
      said = "0x1";
      const ended = await run(command, url);
      // To `verify` a wrong chain is a finding, as everything is that a node may say.
      const isFinding = command[0] === "verify";
      expect(isFinding ? ended.stdout : ended.stderr).to.match(
        isFinding
          ? /deployment +.*chain 1\b/
          : /^DEPLOYMENT_WRONG_CHAIN: the deployment is on chain 31337, .* chain 1$/m,
      );
      expect(ended.code).to.equal(isFinding ? 1 : 3);
      expect(new Set(asked)).to.deep.equal(new Set(["eth_chainId"]));
    });
  }
});
