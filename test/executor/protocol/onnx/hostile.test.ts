import { expect } from "chai";
import { inspectModel } from "../../../../executor/protocol/onnx/inspect";
import { HOSTILE_MODELS } from "../../../fixtures/hostileModels";
import { admitCode } from "./smallModel";

describe("protocol/onnx: hostile models", () => {
  for (const { name, verdict, build } of HOSTILE_MODELS) {
    const expected = verdict === "dynamic" ? "admitted" : verdict;
    it(`says ${expected} to ${name}${verdict === "dynamic" ? ", which only a runner can stop" : ""}`, () => {
      expect(admitCode(build())).to.equal(expected);
    });
  }

  it("builds the same bytes each time", () => {
    for (const { name, build } of HOSTILE_MODELS) expect(Buffer.compare(build(), build()), name).to.equal(0);
  }).timeout(120_000);

  it("inspects each without throwing", () => {
    for (const { name, build, verdict } of HOSTILE_MODELS)
      expect(inspectModel(build()).verdict.admitted, name).to.equal(verdict === "dynamic");
  }).timeout(120_000);
}).timeout(120_000);
