import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { expect } from "chai";
import { type HttpOutcome, httpGet } from "../../../executor/availability/httpGet";

const BODY = Buffer.from("0123456789");
const codeOf = (outcome: HttpOutcome): string => (outcome.ok ? "ok" : outcome.code);

/** A server on a free port of this machine that remembers what it was asked. */
class Loopback {
  readonly asked: http.IncomingMessage[] = [];
  answer: http.RequestListener = (_request, response) => response.end(BODY);
  readonly #server = http.createServer((request, response) => {
    this.asked.push(request);
    this.answer(request, response);
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }
  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe("availability: one file by GET", () => {
  let server: Loopback;
  let other: Loopback;
  beforeEach(async () => {
    [server, other] = [new Loopback(), new Loopback()];
    await Promise.all([server.start(), other.start()]);
  });
  afterEach(() => {
    server.close();
    other.close();
  });
  const get = (args: { path?: string; maxBytes?: number; signal?: AbortSignal; port?: number } = {}) =>
    httpGet({
      url: new URL(args.path ?? "/file", `http://127.0.0.1:${args.port ?? server.port}`),
      maxBytes: args.maxBytes ?? 100,
      signal: args.signal ?? new AbortController().signal,
    });
  const redirect = (location: string, status = 302) => {
    server.answer = (request, response) =>
      request.url === "/file" ? response.writeHead(status, { location }).end() : response.end(BODY);
  };

  it("gives the bytes, and asks for them raw and not compressed", async () => {
    expect(await get({ path: "/a?format=raw" })).to.deep.equal({ ok: true, bytes: BODY });
    const [request] = server.asked;
    expect([request?.method, request?.url]).to.deep.equal(["GET", "/a?format=raw"]);
    expect(request?.headers).to.include({ "accept-encoding": "identity" });
    expect(request?.headers.accept).to.include("application/vnd.ipld.raw");
  });

  it("gives a file of no bytes", async () => {
    server.answer = (_request, response) => response.end();
    expect(await get({ maxBytes: 0 })).to.deep.equal({ ok: true, bytes: Buffer.alloc(0) });
  });

  it("takes a file of exactly the limit, with and without a length, and none that is a byte longer", async () => {
    for (const headers of [{ "content-length": BODY.length }, {}]) {
      server.answer = (_request, response) => response.writeHead(200, headers).end(BODY);
      expect(codeOf(await get({ maxBytes: BODY.length }))).to.equal("ok");
      expect(codeOf(await get({ maxBytes: BODY.length - 1 }))).to.equal("MODEL_TOO_LARGE");
    }
  });

  it("hangs up on a body without end as soon as it is above the limit", async () => {
    const hungUp = new Promise<void>((resolve) => {
      server.answer = (_request, response) => {
        const more = (): void => {
          while (!response.destroyed && response.write(BODY));
        };
        response.on("drain", more).on("close", resolve);
        more();
      };
    });
    expect(codeOf(await get())).to.equal("MODEL_TOO_LARGE");
    await hungUp;
  });

  it("hangs up on an announced length above the limit before any of it is read", async () => {
    const hungUp = new Promise<void>((resolve) => {
      server.answer = (_request, response) => {
        response.on("close", resolve).writeHead(200, { "content-length": 101 }).flushHeaders();
      };
    });
    expect(codeOf(await get())).to.equal("MODEL_TOO_LARGE");
    await hungUp;
  });

  for (const [status, code] of [
    [404, "MODEL_NOT_FOUND"],
    [410, "MODEL_NOT_FOUND"],
    [204, "MODEL_UNREACHABLE"],
    [206, "MODEL_UNREACHABLE"],
    [302, "MODEL_UNREACHABLE"],
    [304, "MODEL_UNREACHABLE"],
    [403, "MODEL_UNREACHABLE"],
    [429, "MODEL_UNREACHABLE"],
    [500, "MODEL_UNREACHABLE"],
    [504, "MODEL_UNREACHABLE"],
  ] as const) {
    it(`calls status ${status} without an address ${code}`, async () => {
      server.answer = (_request, response) => response.writeHead(status).end();
      expect(codeOf(await get())).to.equal(code);
    });
  }

  it("follows three redirects within its origin and refuses the fourth", async () => {
    let hops = 3;
    server.answer = (request, response) => {
      const at = Number(request.url?.slice(1)) || 0;
      if (at === hops) response.end(BODY);
      else response.writeHead(307, { location: `/${at + 1}` }).end();
    };
    expect(codeOf(await get())).to.equal("ok");
    expect(server.asked.map(({ url }) => url)).to.deep.equal(["/file", "/1", "/2", "/3"]);
    server.asked.length = 0;
    hops = 4;
    expect(codeOf(await get())).to.equal("MODEL_REDIRECT_REFUSED");
    expect(server.asked.length).to.equal(4);
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`follows ${status} to the same origin, written out in full`, async () => {
      redirect(`http://127.0.0.1:${server.port}/there`, status);
      expect(codeOf(await get())).to.equal("ok");
    });
  }

  for (const [what, location] of [
    ["an address of this machine", (port: number) => `http://127.0.0.1:${port}/`],
    ["the same without a scheme", (port: number) => `//127.0.0.1:${port}/`],
    ["one behind a user's name that looks public", (port: number) => `http://8.8.8.8@127.0.0.1:${port}/`],
    ["one written as a number", (port: number) => `http://2130706433:${port}/`],
    ["one written in hex", (port: number) => `http://0x7f.1:${port}/`],
    ["one that means this machine", (port: number) => `http://0.0.0.0:${port}/`],
    ["one of IPv6", (port: number) => `http://[::1]:${port}/`],
    ["IPv4 inside IPv6", (port: number) => `http://[::ffff:127.0.0.1]:${port}/`],
    ["a name that resolves to this machine", (port: number) => `http://localhost:${port}/`],
    ["one by https", (port: number) => `https://127.0.0.1:${port}/`],
  ] as const) {
    it(`does not ask another origin at ${what}`, async () => {
      redirect(location(other.port));
      expect(codeOf(await get())).to.equal("MODEL_REDIRECT_REFUSED");
      expect([server.asked.length, other.asked.length]).to.deep.equal([1, 0]);
    });
  }

  it("judges every hop, not only the first", async () => {
    server.answer = (request, response) =>
      response
        .writeHead(302, { location: request.url === "/file" ? "/second" : `http://127.0.0.1:${other.port}/` })
        .end();
    expect(codeOf(await get())).to.equal("MODEL_REDIRECT_REFUSED");
    expect([server.asked.length, other.asked.length]).to.deep.equal([2, 0]);
  });

  for (const location of ["ftp://8.8.8.8/x", "file:///etc/passwd", "data:,x", "javascript:0", "http://[", "http://"]) {
    it(`does not follow ${location}`, async () => {
      redirect(location);
      expect(codeOf(await get())).to.equal("MODEL_REDIRECT_REFUSED");
    });
  }

  it("calls a body that ends early unreachable, with and without a length", async () => {
    for (const headers of [{ "content-length": 50 }, {}]) {
      server.answer = (_request, response) => {
        response.writeHead(200, headers);
        response.write(BODY, () => response.destroy());
      };
      expect(codeOf(await get())).to.equal("MODEL_UNREACHABLE");
    }
  });

  it("calls what does not speak HTTP unreachable, and so what hangs up without a word", async () => {
    for (const word of ["SSH-2.0-OpenSSH_9.9\r\n", ""]) {
      const raw = net.createServer((socket) => socket.on("error", () => undefined).end(word));
      await new Promise<void>((resolve) => raw.listen(0, "127.0.0.1", resolve));
      expect(codeOf(await get({ port: (raw.address() as AddressInfo).port }))).to.equal("MODEL_UNREACHABLE");
      raw.close();
    }
  });

  it("asks nobody when the signal has ended before", async () => {
    expect(codeOf(await get({ signal: AbortSignal.abort() }))).to.equal("MODEL_UNREACHABLE");
    expect(server.asked.length).to.equal(0);
  });

  it("ends with its signal while it waits for the head, in the middle of the body, and between redirects", async () => {
    for (const at of ["head", "body", "redirect"] as const) {
      const stop = new AbortController();
      const hungUp = new Promise<void>((resolve) => {
        server.answer = (request, response) => {
          if (at === "redirect" && request.url === "/file") return response.writeHead(302, { location: "/next" }).end();
          request.socket.on("close", () => resolve());
          if (at === "body") return response.write(BODY, () => stop.abort());
          return stop.abort();
        };
      });
      expect(codeOf(await get({ signal: stop.signal })), at).to.equal("MODEL_UNREACHABLE");
      await hungUp;
    }
  });

  it("shares no connection between two files, so that none is kept open behind the daemon's back", async () => {
    await get();
    await get();
    const [first, second] = server.asked;
    expect(first?.socket).to.not.equal(second?.socket);
    expect(first?.headers.connection).to.equal("close");
  });
});
