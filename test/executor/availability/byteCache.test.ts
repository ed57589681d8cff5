import { expect } from "chai";
import fc from "fast-check";
import { ByteCache } from "../../../executor/availability/byteCache";
import { sha256Of } from "../../../executor/availability/hash";

const key = (name: number | string) => sha256Of(Buffer.from(`file ${name}`));
const held = (cache: ByteCache, names: readonly string[]): string[] =>
  names.filter((name) => cache.sizeOf(key(name)) !== undefined);

describe("availability: the cache's bounds", () => {
  it("keeps a file that fills it to the last byte, and none that is one byte larger", () => {
    const cache = new ByteCache(10);
    cache.set(key("full"), new Uint8Array(10));
    cache.set(key("over"), new Uint8Array(11));
    expect(held(cache, ["full", "over"])).to.deep.equal(["full"]);
    expect(cache.bytes).to.equal(10);
  });

  it("counts a file that is put again once", () => {
    const cache = new ByteCache(10);
    cache.set(key("a"), new Uint8Array(4));
    cache.set(key("a"), new Uint8Array(4));
    expect(cache.bytes).to.equal(4);
  });

  it("counts getting and putting again as use, asking for the size not", () => {
    const cache = new ByteCache(3);
    for (const name of ["a", "b", "c"]) cache.set(key(name), new Uint8Array(1));
    cache.get(key("a"));
    cache.set(key("b"), new Uint8Array(1));
    cache.sizeOf(key("c"));
    cache.set(key("d"), new Uint8Array(1));
    expect(held(cache, ["a", "b", "c", "d"])).to.deep.equal(["a", "b", "d"]);
  });

  it("drops as many old files as a large one needs, and no more", () => {
    const cache = new ByteCache(10);
    for (const name of ["a", "b", "c"]) cache.set(key(name), new Uint8Array(3));
    cache.set(key("large"), new Uint8Array(6));
    expect(held(cache, ["a", "b", "c", "large"])).to.deep.equal(["c", "large"]);
  });

  it("holds what a list in order of use would hold, whatever is done to it", () => {
    const step = fc.record({ put: fc.boolean(), name: fc.nat(6) });
    let evictions = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = new ByteCache(12);
        // A file's size follows from its name, as it does from its hash.
        let model: number[] = [];
        const bytesOf = (names: readonly number[]) => names.reduce((sum, name) => sum + name, 0);
        for (const { put, name } of steps) {
          const known = model.includes(name);
          if (put) cache.set(key(name), new Uint8Array(name));
          else expect(cache.get(key(name))?.length).to.equal(known ? name : undefined);
          if (put || known) model = [...model.filter((other) => other !== name), name];
          for (; bytesOf(model) > 12; evictions += 1) model.shift();
          expect(cache.bytes).to.equal(bytesOf(model));
        }
      }),
      { seed: 7, numRuns: 300 },
    );
    expect(evictions).to.be.greaterThan(0);
  });
});
