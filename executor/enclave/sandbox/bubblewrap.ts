import { sandboxFilter } from "../image/seccomp/filters";
import { startOrder } from "./bootPlan";
import { findProgram } from "./findProgram";
import type { EnclaveImage } from "./image";
import { type Launcher, spawnLimited } from "./launcher";

const FILTER_FD = 4;

/** The arguments of bubblewrap up to its `--`: every namespace its own, no capability, an empty root with the image's files only. */
export function bubblewrapArguments(image: EnclaveImage): string[] {
  const { nodePath, args, env } = startOrder(image, 3);
  const binds = [...image.runtime, ...image.application].flatMap(({ inside, host }) => ["--ro-bind", host, inside]);
  return [
    ...[
      "--unshare-user",
      "--unshare-ipc",
      "--unshare-pid",
      "--unshare-uts",
      "--unshare-cgroup-try",
      "--unshare-net",
      "--disable-userns",
    ],
    ...[
      "--uid",
      "65534",
      "--gid",
      "65534",
      "--hostname",
      "enclave",
      "--die-with-parent",
      "--new-session",
      "--cap-drop",
      "ALL",
      "--clearenv",
    ],
    ...binds,
    // onnxruntime chooses its kernels by it; the rest of /proc stays away, because through it a runner could read its signer.
    ...["--ro-bind", "/proc/cpuinfo", "/proc/cpuinfo"],
    // Without the last one the root is a tmpfs that can be written to.
    ...["--chdir", "/", "--remount-ro", "/"],
    ...Object.entries(env).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--seccomp", String(FILTER_FD), "--", nodePath, ...args],
  ];
}

/** Messages of bubblewrap by what stands behind them, and what helps. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /No permissions to create new namespace/,
    "user namespaces are not allowed here (Docker's default profile does this); run outside of the container, or with a seccomp profile that allows them",
  ],
  [
    /nesting depth or .*max_.*_namespaces exceeded/,
    "user namespaces are switched off: set user.max_user_namespaces above 0",
  ],
  [
    /setting up uid map: Permission denied|loopback: Failed RTM_NEWADDR/,
    "AppArmor restricts user namespaces (Ubuntu 24.04): install the profile bwrap-userns-restrict for /usr/bin/bwrap; do not switch the restriction off",
  ],
  [/Failed to make \/ slave/, "AppArmor forbids mounts in this container; run outside of it"],
];

/** Level 3 by bubblewrap, the default. */
export const bubblewrap: Launcher = {
  name: "bubblewrap",
  level: 3,
  unavailable: () =>
    findProgram("bwrap") === undefined
      ? "bubblewrap is not installed (Debian, Ubuntu: apt install bubblewrap)"
      : undefined,
  launch: (image) =>
    spawnLimited([findProgram("bwrap") ?? "bwrap", ...bubblewrapArguments(image)], { feeds: [sandboxFilter()] }),
  advice: (stderr) => ADVICE.find(([pattern]) => pattern.test(stderr))?.[1] ?? "see what bubblewrap says",
};
