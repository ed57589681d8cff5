import { createSocket } from "node:dgram";
import { constants, fstatSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";

/** The error's code, or `OK` when the attempt succeeded, which at a level that forbids it ends the start. */
function attempt(action: () => unknown): string {
  try {
    action();
    return "OK";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "ERROR";
  }
}

function attemptListen(): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "ERROR"));
    server.listen({ host: "127.0.0.1", port: 0 }, () => server.close(() => resolve("OK")));
  });
}

function attemptDatagram(): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "ERROR"));
    socket.bind(0, "127.0.0.1", () => socket.close(() => resolve("OK")));
  });
}

/** Anonymous descriptors (epoll, eventfd) have no type. */
const { S_IFMT } = constants;
const NULL_DEVICE = 0x103;

/**
 * Descriptors that are open beyond stdio and the channel and lead to files, devices or sockets: a way out of the root.
 * libuv keeps one of its own in reserve for the day they run out: on /dev/null or, where there is none, on the root it sees.
 */
function strayDescriptors(): string {
  const root = statSync("/");
  const stray: number[] = [];
  for (let fd = 4; fd < 128; fd++) {
    try {
      const stat = fstatSync(fd);
      const reserve = stat.isDirectory()
        ? stat.dev === root.dev && stat.ino === root.ino
        : stat.isCharacterDevice() && stat.rdev === NULL_DEVICE;
      if (!reserve && !stat.isFIFO() && (stat.mode & S_IFMT) !== 0) stray.push(fd);
    } catch {
      // Not open, which is what it should be.
    }
  }
  return stray.length === 0 ? "NONE" : stray.join(",");
}

/**
 * Tries from inside what this sandbox exists to prevent. The launcher decides by the outcomes which level was reached; a configuration
 * that looks right and does not hold is found here, at every start.
 */
export async function selfTests(): Promise<Record<string, string>> {
  // First, before the tests open descriptors of their own.
  const stray = strayDescriptors();
  const [listen, datagram] = await Promise.all([attemptListen(), attemptDatagram()]);
  return {
    listen,
    datagram,
    write: attempt(() => writeFileSync("/assay-self-test", "")),
    writeTmp: attempt(() => writeFileSync("/tmp/assay-self-test", "")),
    writeImage: attempt(() => writeFileSync(__filename, "", { flag: "a" })),
    readHost: attempt(() => readFileSync("/etc/passwd")),
    proc: attempt(() => readdirSync("/proc/self")),
    listHome: attempt(() => readdirSync("/home")),
    eval: attempt(() => new Function("return 1")()),
    strayDescriptors: stray,
    pid: String(process.pid),
    environment: Object.keys(process.env).sort().join(","),
  };
}
