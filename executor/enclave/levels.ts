import { SignerConnection, socketLink } from "./connection";
import { EnclaveError } from "./errors";
import type { MessageOf } from "./image/messages";
import type { EnclaveLevel } from "./ports";
import { bubblewrap } from "./sandbox/bubblewrap";
import type { EnclaveImage } from "./sandbox/image";
import type { Launched, Launcher } from "./sandbox/launcher";
import { demandSupportedPlatform } from "./sandbox/supported";
import { judge } from "./sandbox/verdict";
import { landlock, plainProcess, unshare } from "./sandbox/withoutBubblewrap";

/** Every launcher, the strongest first. */
export const LAUNCHERS: readonly Launcher[] = [bubblewrap, unshare, landlock, plainProcess];

/** What trying one launcher gave. */
export interface LevelReport {
  readonly launcher: Launcher["name"];
  readonly level: EnclaveLevel;
  readonly reached: boolean;
  /** Why not: what was missing, what the launcher said, or which self-test could do what it must not. */
  readonly reason?: string;
  /** What the operator can do about it. */
  readonly advice?: string;
}

/** A signer in a sandbox that its self-tests found tight, not configured yet. */
export interface Started {
  readonly connection: SignerConnection;
  readonly launched: Launched;
  readonly launcher: Launcher;
  readonly layers: readonly string[];
  readonly hello: MessageOf<"hello">;
}

const HELLO_TIMEOUT_MS = 15_000;

/** Runs the real command line of one launcher and judges it by the self-tests inside. */
export async function tryLauncher(
  launcher: Launcher,
  image: EnclaveImage,
  signal?: AbortSignal,
): Promise<{ ok: true; started: Started } | { ok: false; report: LevelReport }> {
  const { name, level } = launcher;
  const missing = launcher.unavailable();
  if (missing !== undefined)
    return { ok: false, report: { launcher: name, level, reached: false, reason: missing, advice: missing } };
  const launched = launcher.launch(image);
  const connection = new SignerConnection(socketLink(launched));
  const hello = await firstOf(connection, signal);
  if (!hello.ok) {
    launched.kill();
    await launched.ended;
    const said = launched.stderrTail().trim();
    return {
      ok: false,
      report: {
        launcher: name,
        level,
        reached: false,
        reason: `${hello.reason}${said === "" ? "" : `: ${said}`}`,
        advice: launcher.advice(said),
      },
    };
  }
  const verdict = judge(level, hello.message.body.tests);
  if (!verdict.ok) {
    launched.kill();
    await launched.ended;
    return {
      ok: false,
      report: {
        launcher: name,
        level,
        reached: false,
        reason: `self-tests failed: ${verdict.failures.join("; ")}`,
        advice: "report this: the kernel does not enforce what it was asked for",
      },
    };
  }
  return { ok: true, started: { connection, launched, launcher, layers: verdict.layers, hello: hello.message } };
}

async function firstOf(
  connection: SignerConnection,
  signal: AbortSignal | undefined,
): Promise<{ ok: true; message: MessageOf<"hello"> } | { ok: false; reason: string }> {
  let timer: NodeJS.Timeout | undefined;
  let abort = (): void => undefined;
  const timeout = new Promise<{ ok: false; reason: string }>((resolve) => {
    timer = setTimeout(
      () => resolve({ ok: false, reason: `no sign of life within ${HELLO_TIMEOUT_MS} ms` }),
      HELLO_TIMEOUT_MS,
    );
    abort = () => resolve({ ok: false, reason: "aborted" });
    signal?.addEventListener("abort", abort, { once: true });
  });
  const outcome = await Promise.race([
    connection.hello.then((message) => ({ ok: true as const, message })),
    connection.ended.then((how) => ({ ok: false as const, reason: how })),
    timeout,
  ]);
  clearTimeout(timer);
  signal?.removeEventListener("abort", abort);
  return outcome;
}

/**
 * Starts the strongest sandbox that this machine allows and the operator accepts. Level 1 is never tried unless asked for by a minimum of 1:
 * it keeps nobody out.
 * @throws EnclaveError `ENCLAVE_LEVEL_UNREACHABLE` with every attempt in the context, `ENCLAVE_PLATFORM_UNSUPPORTED`
 */
export async function startStrongest(
  image: EnclaveImage,
  options: { readonly minimumLevel: EnclaveLevel; readonly only?: Launcher["name"]; readonly signal?: AbortSignal },
): Promise<Started> {
  demandSupportedPlatform();
  const reports: LevelReport[] = [];
  const candidates = LAUNCHERS.filter(
    ({ level, name }) => level >= options.minimumLevel && (options.only === undefined || options.only === name),
  );
  for (const launcher of candidates) {
    options.signal?.throwIfAborted();
    const attempt = await tryLauncher(launcher, image, options.signal);
    if (attempt.ok) return attempt.started;
    reports.push(attempt.report);
  }
  throw new EnclaveError({
    code: "ENCLAVE_LEVEL_UNREACHABLE",
    message: `no sandbox of level ${options.minimumLevel} or above works here: ${reports.map(({ launcher, reason }) => `${launcher}: ${reason}`).join("; ")}`,
    context: { minimumLevel: options.minimumLevel, reports },
  });
}

/** Tries every launcher and ends each again: what `assay doctor` prints. */
export async function probeLevels(image: EnclaveImage): Promise<LevelReport[]> {
  demandSupportedPlatform();
  const reports: LevelReport[] = [];
  for (const launcher of LAUNCHERS) {
    const attempt = await tryLauncher(launcher, image);
    if (!attempt.ok) {
      reports.push(attempt.report);
      continue;
    }
    attempt.started.connection.kill("the probe is over");
    await attempt.started.launched.ended;
    reports.push({ launcher: launcher.name, level: launcher.level, reached: true });
  }
  return reports;
}
