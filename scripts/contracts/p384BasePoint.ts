import { p384 } from "@noble/curves/p384";

/**
 * The text of contracts/attestation/P384BasePoint.sol: the odd multiples {1, 3 .. 127} of the base point, which are constants of the curve.
 */
const POINTS = 64;
const CHARS_A_LINE = 96;

const hex = (value: bigint): string => value.toString(16).padStart(CHARS_A_LINE, "0");
const lines = Array.from({ length: POINTS }, (_, i) => {
  const { x, y } = p384.Point.BASE.multiply(BigInt(2 * i + 1)).toAffine();
  return [hex(x), hex(y)];
}).flat();

export const P384_BASE_POINT = `// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @title Odd multiples of the base point of P-384, for digits of eight bits
/// @notice {1, 3 .. 127} G, affine; 96 bytes of code each.
library P384BasePoint {
    /// @notice Width of the digits that the table serves.
    uint256 internal constant WIDTH = 8;
    /// @notice Bytes of the table in memory: 64 points of four words.
    uint256 internal constant TABLE_BYTES = 0x2000;

    /// @dev x and y of 48 bytes each, point after point.
    bytes private constant POINTS =
${lines.map((line) => `        hex"${line}"`).join("\n")};

    /// @notice Writes the table, each coordinate as two words, high first.
    /// @dev PRECONDITION: \`TABLE_BYTES\` are allocated at \`at\`. The copy of the constant behind the free pointer is given up.
    function writeTable(uint256 at) internal pure {
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        bytes memory points = POINTS;
        assembly ("memory-safe") {
            let from := add(points, 0x20)
            for { let end := add(at, TABLE_BYTES) } lt(at, end) { at := add(at, 0x40) } {
                mstore(at, shr(128, mload(from)))
                mstore(add(at, 0x20), mload(add(from, 0x10)))
                from := add(from, 0x30)
            }
            mstore(0x40, free)
        }
    }
}
`;
