import { expect } from "chai";
import fc from "fast-check";
import { isPublicAddress } from "../../../executor/availability/publicAddress";

/** First and last address of each special IPv4 block, with the neighbours outside that are public. */
const IPV4 = [
  { first: "0.0.0.0", last: "0.255.255.255", after: "1.0.0.0" },
  { before: "9.255.255.255", first: "10.0.0.0", last: "10.255.255.255", after: "11.0.0.0" },
  { before: "100.63.255.255", first: "100.64.0.0", last: "100.127.255.255", after: "100.128.0.0" },
  { before: "126.255.255.255", first: "127.0.0.0", last: "127.255.255.255", after: "128.0.0.0" },
  { before: "169.253.255.255", first: "169.254.0.0", last: "169.254.255.255", after: "169.255.0.0" },
  { before: "172.15.255.255", first: "172.16.0.0", last: "172.31.255.255", after: "172.32.0.0" },
  { before: "191.255.255.255", first: "192.0.0.0", last: "192.0.0.255", after: "192.0.1.0" },
  { before: "192.0.1.255", first: "192.0.2.0", last: "192.0.2.255", after: "192.0.3.0" },
  { before: "192.167.255.255", first: "192.168.0.0", last: "192.168.255.255", after: "192.169.0.0" },
  { before: "198.17.255.255", first: "198.18.0.0", last: "198.19.255.255", after: "198.20.0.0" },
  { before: "198.51.99.255", first: "198.51.100.0", last: "198.51.100.255", after: "198.51.101.0" },
  { before: "203.0.112.255", first: "203.0.113.0", last: "203.0.113.255", after: "203.0.114.0" },
  { before: "223.255.255.255", first: "224.0.0.0", last: "255.255.255.255" },
] as const satisfies readonly { first: string; last: string; before?: string; after?: string }[];

const IPV6_SPECIAL = [
  "::",
  "::1",
  "64:ff9b::7f00:1",
  "100::1",
  "2001::1",
  "2001:1ff:ffff::",
  "2001:db8::1",
  "2002:7f00:1::",
  "fc00::1",
  "fdff:ffff::1",
  "fe80::1",
  "febf::1",
  "ff02::1",
];

describe("availability: public addresses", () => {
  for (const block of IPV4) {
    it(`refuses ${block.first} to ${block.last}, and nothing beside it`, () => {
      expect([block.first, block.last].map(isPublicAddress)).to.deep.equal([false, false]);
      const outside = ["before", "after"].flatMap((side) => (block as Record<string, string>)[side] ?? []);
      expect(outside.length).to.be.greaterThan(0);
      expect(outside.filter((ip) => !isPublicAddress(ip))).to.deep.equal([]);
    });
  }

  it("refuses the special blocks of IPv6, in every spelling", () => {
    expect(IPV6_SPECIAL.filter(isPublicAddress)).to.deep.equal([]);
    for (const same of ["0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "FE80::1", "fe80::1%eth0"])
      expect(isPublicAddress(same), same).to.equal(false);
  });

  it("knows public IPv6 beside the special blocks", () => {
    for (const ip of ["2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700::1111"])
      expect(isPublicAddress(ip), ip).to.equal(true);
  });

  it("judges IPv4 inside IPv6 as the IPv4 it is", () => {
    let [open, closed] = [0, 0];
    const octet = fc.nat(255);
    fc.assert(
      fc.property(fc.constantFrom(8, 10, 100, 127, 169, 172, 192, 198), octet, octet, octet, (a, b, c, d) => {
        const ip = [a, b, c, d].join(".");
        const hex = `::ffff:${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        const judged = isPublicAddress(ip);
        if (judged) open += 1;
        else closed += 1;
        expect([isPublicAddress(`::ffff:${ip}`), isPublicAddress(hex)]).to.deep.equal([judged, judged]);
      }),
      { seed: 11, numRuns: 300 },
    );
    expect(Math.min(open, closed)).to.be.greaterThan(0);
  });

  it("takes for an address only what is written as one", () => {
    for (const text of ["", "localhost", "8.8.8", "8.8.8.8.", "08.8.8.8", "0x08080808", "134744072", "[2606:4700::1]"])
      expect(isPublicAddress(text), text).to.equal(false);
  });
});
