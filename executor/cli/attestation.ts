import { AssayError } from "../domain/errors";
import type { CheckedDocument, CheckOptions } from "./attestationCheck";
import { type CliCommand, EXIT } from "./command";
import { readInput, say, sayJson, sayRows } from "./output";

/** `assay attestation`: AWS Nitro attestation documents, checked by both verifiers or printed. */
export const attestationCommand: CliCommand = {
  define: (program, done) => {
    const attestation = program.command("attestation").description("attestation documents of AWS Nitro enclaves");
    attestation
      .command("check")
      .description("verify documents in TypeScript and in Solidity, on a chain of its own; 0 only if both accept all")
      .argument("<file...>", "COSE_Sign1 documents as an enclave gives them")
      .option("--root <root>", "aws, or the DER file of another root certificate", "aws")
      .option("--at <unix>", "the time to verify at, seconds since 1970 (default: each document's own timestamp)")
      .option("--json", "print one JSON object for each file")
      .action(async (files: string[], options: { root: string; at?: string; json?: boolean }) => {
        const { checkDocuments } = await import("./attestationCheck.js");
        const call: CheckOptions = {
          documents: files.map((file) => ({ file, bytes: readDocument(file) })),
          ...(options.root === "aws" ? {} : { root: readDocument(options.root) }),
          ...(options.at === undefined ? {} : { at: secondsOf(options.at) }),
        };
        let all = true;
        await checkDocuments(call, (checked) => {
          all &&= checked.typescript === "accepted" && checked.solidity === "accepted";
          if (options.json === true) sayJson(checked);
          else say(lineOf(checked));
        });
        done(all ? EXIT.ok : EXIT.no);
      });
    attestation
      .command("show")
      .description("print what a document says; nothing of it is verified")
      .argument("<file>", "a COSE_Sign1 document")
      .action(async (file: string) => {
        const { documentRows } = await import("./attestationShow.js");
        sayRows(documentRows(readDocument(file)));
      });
  },
};

/** Four times what the largest document can have; beyond it no transaction could carry the file. */
const MAX_FILE_BYTES = 65_536;

/** @throws AssayError `CLI_FILE_UNREADABLE`, `CLI_FILE_EMPTY`, `CLI_FILE_TOO_LARGE` */
function readDocument(path: string): Uint8Array {
  const bytes = readInput(path);
  const context = { path };
  if (bytes.length === 0) throw new AssayError({ code: "CLI_FILE_EMPTY", message: `${path} is empty`, context });
  if (bytes.length > MAX_FILE_BYTES)
    throw new AssayError({ code: "CLI_FILE_TOO_LARGE", message: `${path} is no attestation document`, context });
  return bytes;
}

/** Up to the year 9999, where the dates of certificates end. @throws AssayError `CLI_TIME_INVALID` */
function secondsOf(text: string): bigint {
  const seconds = /^\d{1,12}$/.test(text) ? BigInt(text) : undefined;
  if (seconds === undefined || seconds > 253_402_300_799n)
    throw new AssayError({ code: "CLI_TIME_INVALID", message: "--at takes whole seconds since 1970" });
  return seconds;
}

function lineOf({ file, typescript, solidity, rule, gasCold, gasWarm }: CheckedDocument): string {
  const verdicts = `${file}: typescript ${typescript}, solidity ${solidity}`;
  if (rule !== null) return `${verdicts}: ${rule}`;
  const gas = (value: number | null): string => (value ?? 0).toLocaleString("en-US");
  return `${verdicts}; gas ${gas(gasCold)} cold, ${gas(gasWarm)} warm`;
}
