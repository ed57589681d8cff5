import { sandboxFilter } from "../image/seccomp/filters";
import { startOrder } from "./bootPlan";
import { findProgram } from "./findProgram";
import { type EnclaveImage, hostPath, INSIDE } from "./image";
import { type Launcher, spawnLimited } from "./launcher";
import type { Stage0Plan } from "./stage0/plan";

function planFor(image: EnclaveImage, kind: Stage0Plan["kind"]): Uint8Array {
  const { nodePath, args, env } = startOrder(image, kind === "namespaces" ? 3 : 2);
  const plan: Stage0Plan = {
    kind,
    files: [...image.runtime, ...image.application].map(({ inside, host }) => ({ inside, host })),
    filter: Buffer.from(sandboxFilter()).toString("base64"),
    nodePath,
    args: [...args],
    env: { ...env },
  };
  return Buffer.from(JSON.stringify(plan));
}

/** Node running stage 0, which needs few of the host's files and none of its environment. */
function stage0Command(image: EnclaveImage): string[] {
  return [hostPath(image, INSIDE.node), "--max-old-space-size=64", image.stage0, hostPath(image, INSIDE.koffi)];
}

const STAGE0_ENVIRONMENT = { OPENSSL_CONF: "/dev/null", NODE_NO_WARNINGS: "1" };

/**
 * Level 3 where bubblewrap is missing: util-linux makes the namespaces, stage 0 builds the root and gives up the capabilities. `setpriv` ties
 * `unshare` to the daemon and `--kill-child` ties the sandbox to `unshare`, so that none of them survives the daemon.
 */
export const unshare: Launcher = {
  name: "unshare",
  level: 3,
  unavailable: () => {
    const missing = ["unshare", "setpriv"].filter((name) => findProgram(name) === undefined);
    return missing.length === 0
      ? undefined
      : `util-linux lacks ${missing.join(" and ")}; install bubblewrap instead (Debian, Ubuntu: apt install bubblewrap)`;
  },
  launch: (image) =>
    spawnLimited(
      [
        ...[findProgram("setpriv") ?? "setpriv", "--pdeathsig", "KILL"],
        ...[
          findProgram("unshare") ?? "unshare",
          "--user",
          "--map-root-user",
          "--mount",
          "--pid",
          "--net",
          "--ipc",
          "--uts",
          "--cgroup",
        ],
        ...["--fork", "--kill-child=SIGKILL", "--", ...stage0Command(image)],
      ],
      { env: STAGE0_ENVIRONMENT, feeds: [planFor(image, "namespaces")] },
    ),
  advice: () => "user namespaces are not allowed here; install bubblewrap, or run outside of the container",
};

/** Level 2: Landlock and seccomp, without namespaces. Works inside Docker's default profile and where AppArmor forbids namespaces. */
export const landlock: Launcher = {
  name: "landlock",
  level: 2,
  unavailable: () => undefined,
  launch: (image) =>
    spawnLimited(stage0Command(image), { env: STAGE0_ENVIRONMENT, feeds: [planFor(image, "landlock")] }),
  advice: () => "Landlock needs Linux 5.13 or later with it switched on (lsm=landlock,...)",
};

/** Level 1: a plain process with a clean environment and limits; runners still lock themselves down. Keeps no attacker in. */
export const plainProcess: Launcher = {
  name: "process",
  level: 1,
  unavailable: () => undefined,
  launch: (image) => {
    const { nodePath, args, env } = startOrder(image, 1);
    return spawnLimited([nodePath, ...args], { env });
  },
  advice: () => "see what node says",
};
