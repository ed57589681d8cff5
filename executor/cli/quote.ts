import { registeredEnclaves } from "../app/registeredEnclaves";
import { AssayError } from "../domain/errors";
import { FULFILMENT_GAS } from "../domain/gas";
import type { CliCommand } from "./command";
import { type ChainOptions, connectedToDeployment, withChain } from "./connect";
import { say, sayJson } from "./output";

const TIP_WEI = 10n ** 9n;
/** The base fee rises by an eighth a block at most: this covers six full blocks in a row. */
const HEADROOM = 2n;

/** `assay quote`: which reward an executor will most likely work for now, and how many enclaves could. */
export const quoteCommand: CliCommand = {
  define: (program) => {
    withChain(program.command("quote").description("a reward that covers the answer's gas now, and who could serve"))
      .option("--callback-gas <gas>", "gas of the callback", "0")
      .option("--min-trust <level>", "weakest trust level to count", "1")
      .action(async (options: ChainOptions & { callbackGas: string; minTrust: string }) => {
        if (!/^\d{1,7}$/.test(options.callbackGas) || !/^[0-4]$/.test(options.minTrust))
          throw new AssayError({
            code: "CLI_QUOTE_INVALID",
            message: "--callback-gas takes a whole number, --min-trust 0 to 4",
          });
        const quote = await connectedToDeployment(options, async ({ rpc, record }) => {
          const block = await rpc.call<{ number: string; baseFeePerGas: string } | null>("eth_getBlockByNumber", [
            "latest",
            false,
          ]);
          const baseFeeWei = BigInt(block?.baseFeePerGas ?? "0x0");
          const gas = BigInt(FULFILMENT_GAS) + BigInt(options.callbackGas);
          const usable = (await registeredEnclaves(rpc, record)).filter(
            (e) => e.code === 0 && e.trust >= Number(options.minTrust),
          );
          return {
            block: Number(block?.number),
            gas,
            baseFeeWei,
            rewardWei: gas * (HEADROOM * baseFeeWei + TIP_WEI),
            enclaves: usable.length,
            operators: new Set(usable.map((e) => e.operatorId)).size,
          };
        });
        if (options.json === true) return sayJson(quote);
        say(
          `reward ${quote.rewardWei} wei: ${quote.gas} gas at twice the base fee of block ${quote.block} (${quote.baseFeeWei} wei) and a tip of ${TIP_WEI}`,
        );
        say(
          `${quote.enclaves} enclaves of ${quote.operators} operators may act now at trust ${options.minTrust} or above`,
        );
      });
  },
};
