/**
 * The text of contracts/attestation/P384Point.sol: doubling and addition with every field operation in place. A call costs a
 * tenth to a fifth of a multiplication, and these two functions are nine tenths of a verification. The operations are
 * those of P384Field.sol, statement by statement; tests hold both against another implementation.
 */

/** An element in memory: the addresses of its two words. */
type Element = readonly [high: string, low: string];
const element = (name: string): Element => [name, `${name}_LOW`];

const [X, Y, Z, NEXT_Y] = ["X", "Y", "Z", "NEXT_Y"].map(element) as [Element, Element, Element, Element];
const [A, B, E, F, W] = ["A", "B", "E", "F", "W"].map(element) as [Element, Element, Element, Element, Element];
const NEXT_X: Element = ["at", "add(at, 0x20)"];

/** What becomes of a product: the two halves of a pair, from `lo` and `md`. */
interface Pair {
  readonly lo: string;
  readonly md: string;
}
const SAME: Pair = { lo: "lo", md: "md" };

const scope = (lines: readonly string[]): string[] => ["{", ...lines.map((line) => `    ${line}`), "}"];
const load = ([high, low]: Element, name: string): string[] => [
  `let ${name}h := mload(${high})`,
  `let ${name}l := mload(${low})`,
];

/** `P384Field.core` and `coreSquare`: declares `lo` and `md`. */
function core(a: Element, b: Element): string[] {
  const square = a === b;
  const cross = square
    ? ["let twice := add(ah, ah)", "let cross := mul(twice, al)", "let both := mulmod(twice, al, m)"]
    : ["let cross := add(mul(ah, bl), mul(al, bh))", "let both := addmod(mulmod(ah, bl, m), mulmod(al, bh, m), m)"];
  const [bh, bl] = square ? ["ah", "al"] : ["bh", "bl"];
  return [
    ...load(a, "a"),
    ...(square ? [] : load(b, "b")),
    ...cross,
    `let top := add(sub(sub(both, cross), lt(both, cross)), mul(ah, ${bh}))`,
    `let w := mul(al, ${bl})`,
    `let v := mulmod(al, ${bl}, m)`,
    "let over := shr(128, top)",
    "let q := add(add(shr(128, cross), over), shr(128, sub(sub(v, w), lt(v, w))))",
    "let up := shl(128, top)",
    "let lo := add(w, mul(add(up, q), C))",
    "let md := addmod(addmod(addmod(cross, top, m), v, m), mulmod(addmod(up, add(q, over), m), D, m), m)",
  ];
}

/** Keeps a product as a pair. */
const keep = (a: Element, b: Element, [lo, md]: Element): string[] =>
  scope([...core(a, b), `mstore(${lo}, lo)`, `mstore(${md}, md)`]);

/** `P384Field.norm` of what `then` makes of a product. */
function into([high, low]: Element, a: Element, b: Element, then: Pair = SAME): string[] {
  const renamed = then === SAME ? [] : [`let n := ${then.lo}`, `let d := ${then.md}`];
  const [n, d] = then === SAME ? ["lo", "md"] : ["n", "d"];
  return scope([
    ...core(a, b),
    ...renamed,
    `let s := sub(sub(${d}, ${n}), lt(${d}, ${n}))`,
    "let fold := mul(shr(128, s), C)",
    `let l := add(${n}, fold)`,
    "let h := add(and(s, P_HI), lt(l, fold))",
    `mstore(${high}, h)`,
    `mstore(${low}, l)`,
    "if shr(128, h) {",
    `    mstore(${high}, 0)`,
    `    mstore(${low}, add(l, C))`,
    "}",
  ]);
}

/** `P384Field.difference`. */
function less([high, low]: Element, a: Element, b: Element): string[] {
  return scope([
    ...load(a, "a"),
    ...load(b, "b"),
    "let l := sub(al, bl)",
    "let h := sub(sub(ah, bh), lt(al, bl))",
    "for { } shr(128, h) { } {",
    "    l := add(l, P_LO)",
    "    h := add(add(h, P_HI), lt(l, P_LO))",
    "}",
    `mstore(${high}, h)`,
    `mstore(${low}, l)`,
  ]);
}

/** A product less an element. */
const minus = ([high, low]: Element): Pair => ({
  lo: `add(lo, sub(K_LO, mload(${low})))`,
  md: `addmod(md, addmod(sub(K_MD, mload(${high})), not(mload(${low})), m), m)`,
});

/** A product less `factor` times a pair in memory. */
const minusPair = ([lo, md]: Element, factor: number): Pair => {
  const times = (what: string, modulus: string): string =>
    factor === 1 ? what : modulus === "" ? `mul(${factor}, ${what})` : `mulmod(${factor}, ${what}, ${modulus})`;
  return {
    lo: `add(sub(lo, ${times(`mload(${lo})`, "")}), K_LO)`,
    md: `addmod(addmod(md, not(${times(`mload(${md})`, "m")}), m), K_MD, m)`,
  };
};

const DOUBLE = [
  "// E = Z^4 as a pair, A = slope = 3 (X^2 - Z^4)",
  ...into(B, Z, Z),
  ...keep(B, B, E),
  ...into(A, X, X, {
    lo: "add(mul(3, sub(lo, mload(E))), K_LO)",
    md: "addmod(mulmod(3, addmod(md, not(mload(E_LOW)), m), m), K_MD, m)",
  }),
  "// Z = 2 Y Z, B = Y^2, W = 4 X Y^2",
  ...into(Z, Y, Z, { lo: "add(lo, lo)", md: "addmod(md, md, m)" }),
  ...into(B, Y, Y),
  ...into(W, X, B, { lo: "shl(2, lo)", md: "mulmod(4, md, m)" }),
  "// X = slope^2 - 2 W",
  ...into(X, A, A, {
    lo: "add(sub(lo, shl(1, mload(W_LOW))), K_LO)",
    md: "addmod(addmod(md, sub(K_MD, shl(1, mload(W))), m), not(mulmod(2, mload(W_LOW), m)), m)",
  }),
  "// Y = slope (W - X) - 8 Y^4",
  ...less(W, W, X),
  ...keep(B, B, E),
  ...into(Y, A, W, minusPair(E, 8)),
];

const ADD_START = [
  "// A = x Z^2 - X, B = y Z^3 - Y",
  ...into(E, Z, Z),
  ...into(F, Z, E),
  ...into(A, NEXT_X, E, minus(X)),
  ...into(B, NEXT_Y, F, minus(Y)),
];

const ADD_END = [
  "// Z = Z A, E = A^2, F = A^3, W = X A^2",
  ...into(Z, Z, A),
  ...into(E, A, A),
  ...into(F, A, E),
  ...into(W, X, E),
  "// X = B^2 - A^3 - 2 W",
  ...into(X, B, B, {
    lo: "add(sub(lo, add(mload(F_LOW), shl(1, mload(W_LOW)))), K_LO)",
    md: "addmod(addmod(md, sub(K_MD, add(mload(F), shl(1, mload(W)))), m), not(addmod(mload(F_LOW), mulmod(2, mload(W_LOW), m), m)), m)",
  }),
  "// Y = B (W - X) - Y A^3",
  ...less(W, W, X),
  ...keep(Y, F, E),
  ...into(Y, B, W, minusPair(E, 1)),
];

const assembly = (lines: readonly string[]): string =>
  ['assembly ("memory-safe") {', ...lines.map((line) => `    ${line}`), "}"]
    .map((line) => `        ${line}`)
    .join("\n");

export const P384_POINT = `// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @title One point of P-384 (a = -3, prime order, cofactor 1) that is doubled and added to
/// @notice Jacobian coordinates at fixed addresses of memory: x = X / Z^2, y = Y / Z^3. Infinity is X a multiple of p and Z
/// the number 0. Exact for equal, opposite and infinite operands: who made a signature chose the points that meet here.
/// @dev PRECONDITION: the memory from \`X\` to \`END\` was allocated. Elements and pairs are those of \`P384Field\`, whose
/// functions stand here in place.
library P384Point {
    /// @notice Where the coordinates are, two words each; \`NEXT_Y\` is the y that \`add\` takes.
    uint256 internal constant X = 0x4000;
    uint256 internal constant Y = 0x4040;
    uint256 internal constant Z = 0x4080;
    uint256 internal constant NEXT_Y = 0x40c0;
    /// @notice The first address behind what is used here.
    uint256 internal constant END = 0x4240;

    uint256 private constant X_LOW = 0x4020;
    uint256 private constant Y_LOW = 0x4060;
    uint256 private constant Z_LOW = 0x40a0;
    uint256 private constant NEXT_Y_LOW = 0x40e0;
    uint256 private constant A = 0x4100;
    uint256 private constant A_LOW = 0x4120;
    uint256 private constant B = 0x4140;
    uint256 private constant B_LOW = 0x4160;
    uint256 private constant E = 0x4180;
    uint256 private constant E_LOW = 0x41a0;
    uint256 private constant F = 0x41c0;
    uint256 private constant F_LOW = 0x41e0;
    uint256 private constant W = 0x4200;
    uint256 private constant W_LOW = 0x4220;
    uint256 private constant P_HI = 0xffffffffffffffffffffffffffffffff;
    uint256 private constant P_LO = 0xfffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff;
    uint256 private constant K_LO = 0xffffffeffffffff0000000000000000ffffffff0000000000000000000000000;
    uint256 private constant K_MD = 0xfffffffffffffff0000000000000000fffffffefffffffffffffffffffffffff;
    uint256 private constant C = 0x100000000ffffffffffffffff00000001;
    uint256 private constant D = 0xffffffffffffffff00000001;

    /// @notice Sets the point to infinity.
    function setInfinite() internal pure {
        assembly ("memory-safe") {
            mstore(X, 0)
            mstore(X_LOW, 0)
            mstore(Y, 0)
            mstore(Y_LOW, 1)
            mstore(Z, 0)
            mstore(Z_LOW, 0)
        }
    }

    /// @notice Doubles it: 3M + 6S. No point has order two, and infinity stays what it is.
    function double() internal pure {
        uint256 m = type(uint256).max;
${assembly(DOUBLE)}
    }

    /// @notice Adds an affine point: 8M + 3S.
    /// @param at Where its x is, two words; its y is at \`NEXT_Y\`.
    function add(uint256 at) internal pure {
        uint256 m = type(uint256).max;
        bool equalX;
${assembly([
  ...ADD_START,
  "// Low words first: they tell nearly all.",
  "let l := mload(A_LOW)",
  "if or(iszero(l), eq(l, P_LO)) {",
  "    equalX := or(iszero(or(mload(A), l)), and(eq(mload(A), P_HI), eq(l, P_LO)))",
  "}",
])}
        if (equalX) return _addEqualX(at);
${assembly(ADD_END)}
    }

    /// @dev Both have one x, or the sum so far is infinite.
    function _addEqualX(uint256 at) private pure {
        bool infinite;
        bool equal;
        assembly ("memory-safe") {
            infinite := iszero(or(mload(Z), mload(Z_LOW)))
            let h := mload(B)
            let l := mload(B_LOW)
            equal := or(iszero(or(h, l)), and(eq(h, P_HI), eq(l, P_LO)))
        }
        if (!infinite) return equal ? double() : setInfinite();
        assembly ("memory-safe") {
            mcopy(X, at, 0x40)
            mcopy(Y, NEXT_Y, 0x40)
            mstore(Z_LOW, 1)
        }
    }
}
`;
