import { type Address, address, type Hex32, hex32 } from "../domain/ids";
import { bytesToHex, hexToBytes } from "./bytes";
import { ProtocolError } from "./protocolError";

/** What an attestation binds its key to (docs/protocol.md, section 5, "user_data"). */
export interface UserData {
  /** The level the enclave says it reached, 0..4. Ignored under a hardware root. */
  readonly level: number;
  /** Always false from a software platform; a development root that says true is refused on the chain. */
  readonly hardwareRooted: boolean;
  readonly chainId: bigint;
  readonly registry: Address;
  /** EIP-712 domain separator of the hub. */
  readonly hubDomain: Hex32;
  readonly operator: Address;
  readonly payout: Address;
  readonly endpointHash: Hex32;
  readonly keyConfigHash: Hex32;
  readonly runtimeProfile: Hex32;
}

export const USER_DATA_BYTES = 352;
const VERSION = 1n;

/** The ABI encoding with version 1: eleven static words. */
export function encodeUserData(data: UserData): Uint8Array {
  const words = [
    word(VERSION, 8),
    word(BigInt(data.level), 8),
    word(data.hardwareRooted ? 1n : 0n, 1),
    word(data.chainId, 256),
    word(BigInt(address(data.registry)), 160),
    hexToBytes(hex32(data.hubDomain)),
    word(BigInt(address(data.operator)), 160),
    word(BigInt(address(data.payout)), 160),
    hexToBytes(hex32(data.endpointHash)),
    hexToBytes(hex32(data.keyConfigHash)),
    hexToBytes(hex32(data.runtimeProfile)),
  ];
  return Buffer.concat(words);
}

/**
 * Reads user data as Solidity's `abi.decode` does: a word with bits above its type is refused.
 * @throws ProtocolError `USER_DATA_LENGTH`, `USER_DATA_VERSION_UNKNOWN`, `USER_DATA_WORD_NOT_CANONICAL`
 */
export function decodeUserData(bytes: Uint8Array): UserData {
  if (bytes.length !== USER_DATA_BYTES) {
    throw new ProtocolError({
      code: "USER_DATA_LENGTH",
      message: "user data are 352 bytes",
      context: { length: bytes.length },
    });
  }
  const hexAt = (index: number): `0x${string}` => bytesToHex(bytes.subarray(32 * index, 32 * index + 32));
  const numberAt = (index: number, bits: number): bigint => {
    const value = BigInt(hexAt(index));
    if (value >> BigInt(bits) !== 0n) throw notCanonical(index);
    return value;
  };
  const addressAt = (index: number): Address => address(`0x${numberAt(index, 160).toString(16).padStart(40, "0")}`);
  const version = numberAt(0, 8);
  if (version !== VERSION) {
    throw new ProtocolError({
      code: "USER_DATA_VERSION_UNKNOWN",
      message: "no such version of user data",
      context: { version },
    });
  }
  return {
    level: Number(numberAt(1, 8)),
    hardwareRooted: numberAt(2, 1) === 1n,
    chainId: numberAt(3, 256),
    registry: addressAt(4),
    hubDomain: hex32(hexAt(5)),
    operator: addressAt(6),
    payout: addressAt(7),
    endpointHash: hex32(hexAt(8)),
    keyConfigHash: hex32(hexAt(9)),
    runtimeProfile: hex32(hexAt(10)),
  };
}

function word(value: bigint, bits: number): Uint8Array {
  if (value < 0n || value >> BigInt(bits) !== 0n) {
    throw new ProtocolError({
      code: "USER_DATA_WORD_NOT_CANONICAL",
      message: "a value does not fit its word",
      context: { value, bits },
    });
  }
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex");
}

function notCanonical(index: number): ProtocolError {
  return new ProtocolError({
    code: "USER_DATA_WORD_NOT_CANONICAL",
    message: "a word has bits above its type",
    context: { index },
  });
}
