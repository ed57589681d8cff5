import { get } from "node:http";
import { expect } from "chai";
import {
  type HealthServer,
  type HealthServerArgs,
  startHealthServer,
} from "../../../executor/observability/healthServer";
import { createMetrics } from "../../../executor/observability/metrics";

function ask(url: string, host?: string): Promise<{ status: number; body: string; type: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, ...(host === undefined ? {} : { headers: { host } }) }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        body += part;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body, type: String(response.headers["content-type"]) }),
      );
    }).on("error", reject);
  });
}

describe("health server", () => {
  let server: HealthServer;
  let ready = true;
  let failing = false;
  const errors: unknown[] = [];
  const args: HealthServerArgs = {
    host: "127.0.0.1",
    port: 0,
    readiness: async () => ({ ready, parts: { chain: true, enclaves: ready } }),
    status: async () => {
      if (failing) throw new Error("secret words of the store");
      return { jobs: { seen: 2 }, rewardWei: 12n, refusals: [{ reason: "TRUST_TOO_LOW" }] };
    },
    metrics: { contentType: createMetrics().registry.contentType, metrics: () => createMetrics().registry.metrics() },
    onError: (error) => errors.push(error),
  };
  before(async () => {
    server = await startHealthServer(args);
  });
  after(() => server.close());

  it("says that it lives", async () => expect((await ask(`${server.url}/healthz`)).status).to.equal(200));

  it("says whether it is ready, and which part is not", async () => {
    expect((await ask(`${server.url}/readyz`)).status).to.equal(200);
    ready = false;
    const answer = await ask(`${server.url}/readyz`);
    ready = true;
    expect(answer.status).to.equal(503);
    expect(JSON.parse(answer.body)).to.deep.equal({ ready: false, parts: { chain: true, enclaves: false } });
  });

  it("gives metrics as Prometheus asks for them", async () => {
    const answer = await ask(`${server.url}/metrics`);
    expect(answer.type).to.include("text/plain");
    expect(answer.body).to.include("# TYPE assay_jobs_state_count gauge");
  });

  it("gives the status as JSON with wei as text", async () => {
    expect(JSON.parse((await ask(`${server.url}/status`)).body)).to.deep.equal({
      jobs: { seen: 2 },
      rewardWei: "12",
      refusals: [{ reason: "TRUST_TOO_LOW" }],
    });
  });

  it("tells the daemon of a provider that threw, and the asker nothing of why", async () => {
    failing = true;
    const answer = await ask(`${server.url}/status`);
    failing = false;
    expect(answer.status).to.equal(500);
    expect(answer.body).to.not.include("secret words");
    expect(errors.length).to.equal(1);
  });

  it("refuses a page that reached it under a name of its own", async () => {
    expect((await ask(`${server.url}/status`, "attacker.example")).status).to.equal(421);
    expect((await ask(`${server.url}/status`, "localhost:1")).status).to.equal(200);
  });

  it("knows no other page", async () => expect((await ask(`${server.url}/debug`)).status).to.equal(404));

  it("says that a port is taken", async () => {
    const port = Number(new URL(server.url).port);
    const error = await startHealthServer({ ...args, port }).catch((cause: unknown) => cause);
    expect(error).to.have.property("code", "OBSERVABILITY_PORT_TAKEN");
  });
});
