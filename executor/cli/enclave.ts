import { measureImages } from "../app/machine";
import { type RegisteredEnclave, registeredEnclaves } from "../app/registeredEnclaves";
import { AssayError } from "../domain/errors";
import { address } from "../domain/ids";
import type { CliCommand } from "./command";
import { type ChainOptions, connectedToDeployment, withChain } from "./connect";
import { defineEnclaveCalls } from "./enclaveCalls";
import { say, sayJson, sayRows } from "./output";

function standing({ code, draining, epochEnd }: RegisteredEnclave): string {
  if (code !== 0) return `refused, code ${code}`;
  return draining ? `draining, usable until ${epochEnd}` : "usable";
}

/** `assay enclave`: what is registered on the chain, what changes that, and what this clone's image measures to. */
export const enclaveCommand: CliCommand = {
  define: (program) => {
    const enclave = program
      .command("enclave")
      .description("enclaves on the chain: look, register, renew, drain, revoke; and the measurements of this clone");
    withChain(enclave.command("list").description("every key that was registered, and whether it may act now")).action(
      async (options: ChainOptions) => {
        const found = await connectedToDeployment(options, ({ rpc, record }) => registeredEnclaves(rpc, record));
        if (options.json === true) sayJson(found);
        else
          sayRows([
            ["signer", "operator", "trust", "image", "block", "now"],
            ...found.map((e) => [
              e.signer,
              String(e.operatorId),
              String(e.trust),
              `${e.imageId.slice(0, 14)}…`,
              String(e.block),
              standing(e),
            ]),
          ]);
      },
    );
    withChain(enclave.command("show").description("one registered key").argument("<signer>")).action(
      async (signer: string, options: ChainOptions) => {
        const wanted = address(signer);
        const all = await connectedToDeployment(options, ({ rpc, record }) => registeredEnclaves(rpc, record));
        const found = all.find((e) => e.signer.toLowerCase() === wanted);
        if (found === undefined)
          throw new AssayError({
            code: "ENCLAVE_NOT_REGISTERED",
            message: `the registry never took the key ${wanted}`,
          });
        if (options.json === true) sayJson(found);
        else sayRows(Object.entries(found).map(([name, value]) => [name, String(value)]));
      },
    );
    defineEnclaveCalls(enclave);
    enclave
      .command("measure")
      .description("the PCRs of this clone, and, where the data folder holds a root, the image ids to approve")
      .option("--data-dir <dir>", "folder with the platform's root", ".assay")
      .option("--json", "print one JSON object")
      .action(async (options: { dataDir: string; json?: boolean }) => {
        const images = await measureImages(options.dataDir);
        if (options.json === true) return sayJson(images);
        for (const { level, pcr0, pcr1, pcr2, imageId, nitroImageId } of images) {
          say(`level ${level}`);
          sayRows([
            ["  PCR0 runtime", pcr0],
            ["  PCR1 boot", pcr1],
            ["  PCR2 application", pcr2],
            ["  image id", imageId ?? "needs a root: run npm run deploy, or name --data-dir"],
            ...(nitroImageId === undefined ? [] : [["  under the root of AWS's format", nitroImageId]]),
          ]);
        }
      });
  },
};
