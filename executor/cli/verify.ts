import { hex32 } from "../domain/ids";
import { verifyRequest } from "../explain/verifyRequest";
import { type CliCommand, EXIT } from "./command";
import { type ChainOptions, connected, withChain } from "./connect";
import { readInput, say, sayJson, sayRows } from "./output";

const MARKS = { true: "ok", false: "FAIL", null: "-" } as const;

/** `assay verify`: checks one request again from chain data alone; no daemon, no store. */
export const verifyCommand: CliCommand = {
  define: (program, done) => {
    withChain(
      program
        .command("verify")
        .description("check a request again from chain data alone; no executor is asked")
        .argument("<requestId>", "0x and 64 hex digits"),
    )
      .option("--model <file>", "the ONNX file, to check its hash as well")
      .action(async (requestId: string, options: ChainOptions & { model?: string }) => {
        const id = hex32(requestId);
        const explanation = await connected(options, ({ rpc, record }) =>
          verifyRequest({
            rpc,
            deployment: record,
            requestId: id,
            ...(options.model === undefined ? {} : { model: readInput(options.model) }),
          }),
        );
        const { verdict, status, checks } = explanation;
        if (options.json === true) sayJson({ requestId: id, verdict, status, checks });
        else {
          sayRows(checks.map(({ name, ok, detail }) => [MARKS[String(ok) as keyof typeof MARKS], name, detail]));
          say(`${verdict} (${status})`);
        }
        // What is not finished yet is not a failure, but it is no success either.
        done(verdict === "verified" ? EXIT.ok : EXIT.no);
      });
  },
};
