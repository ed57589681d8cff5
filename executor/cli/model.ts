import { findCases } from "../conformance/cases";
import { type CaseResult, runCase } from "../conformance/run";
import { inspectModel } from "../protocol/onnx/inspect";
import type { SignatureEntry } from "../protocol/tensorSignature";
import { dtypeName } from "../protocol/tensorType";
import { type CheckOptions, pathNamed } from "./checkPath";
import { type CliCommand, EXIT } from "./command";
import { withDeployment } from "./connect";
import { readInput, say, sayJson, sayRows } from "./output";
import { withPayer } from "./payer";

const entryText = ({ name, dtype, dims }: SignatureEntry): string =>
  `${name}: ${dtypeName(dtype)}[${dims.map((dim) => dim ?? "?").join("x")}]`;

/** `assay model`: what a file is, and whether models come through the enclave unchanged. */
export const modelCommand: CliCommand = {
  define: (program, done) => {
    const model = program.command("model").description("look at ONNX files, and try them");
    model
      .command("inspect")
      .description("tensor signature and admission verdict of a file; nothing is run")
      .argument("<file>")
      .option("--json", "print one JSON object")
      .action((file: string, options: { json?: boolean }) => {
        const inspection = inspectModel(readInput(file));
        const { verdict, content } = inspection;
        done(verdict.admitted ? EXIT.ok : EXIT.no);
        if (options.json === true) return sayJson(inspection);
        sayRows([
          ["sha-256", inspection.modelHash],
          ["CID", inspection.cid],
          ["bytes", String(inspection.bytes)],
        ]);
        if (content !== undefined)
          sayRows([
            ["IR version", String(content.irVersion ?? "missing")],
            [
              "opsets",
              content.opsets
                .map(({ domain, version }) => `${domain === "" ? "ai.onnx" : domain} ${version}`)
                .join(", "),
            ],
            [
              "nodes",
              `${content.nodeCount}: ${content.operators.map(({ name, count }) => `${name} x${count}`).join(", ")}`,
            ],
          ]);
        if (verdict.admitted) {
          for (const input of verdict.signature.inputs) say(`input   ${entryText(input)}`);
          for (const output of verdict.signature.outputs) say(`output  ${entryText(output)}`);
          say("admitted");
        } else say(`refused: ${verdict.reason.code}: ${verdict.reason.detail}`);
      });
    withPayer(
      withDeployment(
        model
          .command("check")
          .description("run the cases of a folder (ONNX backend-test layout, or model.onnx with io.json) and compare")
          .argument("<dir>")
          .option("--through <path>", "enclave, or chain: the whole way of a request", "enclave")
          .option("--minimum-level <level>", "weakest sandbox to accept, 1 to 3", "1")
          .option("--json", "print one JSON object per case")
          .option("--timeout-seconds <seconds>", "how long to wait for an answer on the chain", "60")
          .option("--rpc-url <url>", "a chain with a running executor, in place of a chain made for this check")
          .option("--reward-wei <wei>", "with --rpc-url: escrowed for each set of each case (assay quote)"),
      ),
    ).action(async (dir: string, options: CheckOptions) => {
      const opened = pathNamed(options);
      const cases = findCases(dir);
      const path = await opened();
      const results: CaseResult[] = [];
      try {
        for (const item of cases) {
          const result = await runCase(item, path);
          results.push(result);
          if (options.json === true) sayJson(result);
          else
            say(`${result.status.padEnd(7)}  ${result.case}${result.reason === undefined ? "" : `  ${result.reason}`}`);
        }
      } finally {
        await path.close();
      }
      const count = (status: CaseResult["status"]): number => results.filter((r) => r.status === status).length;
      if (options.json !== true)
        say(`${count("passed")} passed, ${count("failed")} failed, ${count("refused")} refused ${path.where}`);
      done(count("failed") === 0 ? EXIT.ok : EXIT.no);
    });
  },
};
