import { Native } from "../../executor/enclave/image/native";
import { runAttacks } from "./attacks";
import type { AttackTargets } from "./targets";

/** The control: `node control.js <koffi> <targets as JSON>` runs the same list with nothing around it and prints the outcomes. */
const [koffi, targets] = process.argv.slice(2) as [string, string];
runAttacks({ native: new Native(koffi), targets: JSON.parse(targets) as AttackTargets, self: __filename }).then(
  (outcomes) => console.log(JSON.stringify(outcomes)),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
