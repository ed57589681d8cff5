import { readFileSync } from "node:fs";
import { Native } from "../../image/native";
import { SYSCALLS_X86_64 as NR } from "../../image/seccomp/syscalls";
import { restrictToFiles } from "./landlock";
import { dropCapabilities, enterRoot } from "./namespaces";
import { planSchema } from "./plan";

const PLAN_FD = 4;
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;
const F_SETFD = 2;

/**
 * Stage 0: `node stage0.js <koffi>`, the plan on fd 4. Closes the sandbox around itself and becomes the signer by execve.
 * It must end in an execve: Landlock and capabilities belong to one thread and node has several, all but this one end with it.
 */
function main(): void {
  const [koffi] = process.argv.slice(2);
  if (koffi === undefined) throw new Error("one argument is needed");
  const plan = planSchema.parse(JSON.parse(readFileSync(PLAN_FD, "utf8")));
  const native = new Native(koffi);
  native.demand("prctl(PDEATHSIG)", native.call(NR.prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
  const filter = Buffer.from(plan.filter, "base64");
  // The call is prepared before anything is closed: koffi may need memory, but no file, from here on.
  const execve = native.prepareExecve({
    path: plan.nodePath,
    args: [plan.nodePath, ...plan.args],
    env: Object.entries(plan.env).map(([name, value]) => `${name}=${value}`),
  });
  // Node marks every descriptor close-on-exec at its start.
  for (const fd of [0, 1, 2, 3]) native.demand("fcntl", native.call(NR.fcntl, fd, F_SETFD, 0));
  native.call(NR.setsid);
  if (plan.kind === "namespaces") {
    enterRoot(native, plan.files);
    dropCapabilities(native);
  } else {
    const cache = ["/etc/ld.so.cache", "/proc/cpuinfo", "/dev/null"];
    restrictToFiles(native, [...plan.files.map(({ host }) => host), ...cache]);
  }
  native.installFilter(filter, false);
  native.demand("execve", execve());
}

main();
