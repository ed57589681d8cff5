import { expect } from "chai";
import { DEFAULT_LIMITS } from "../../../../executor/protocol/onnx/limits";
import { readModel } from "../../../../executor/protocol/onnx/readModel";
import {
  bytesField,
  integerField,
  message,
  packedField,
  textField,
  varint,
} from "../../../../scripts/models/onnx/protobuf";
import { admitCode, smallModel, withGraphFields } from "./smallModel";

const valid = smallModel();
const plus = (...bytes: number[]): Uint8Array => Buffer.concat([valid, Uint8Array.from(bytes)]);
/** A tensor with this field besides a name; only its form as a message matters. */
const tensorWith = (field: Uint8Array): Uint8Array => withGraphFields(bytesField(5, message(textField(8, "w"), field)));

describe("protocol/onnx: the wire format", () => {
  it("admits the model that the other cases damage", () => expect(admitCode(valid)).to.equal("admitted"));

  const cases: readonly [what: string, bytes: Uint8Array, code: string][] = [
    ["an empty file", new Uint8Array(0), "ONNX_EMPTY"],
    ["a tag without a value", plus(0x28), "ONNX_TRUNCATED"],
    ["a varint that does not end", plus(0x28, 0x80), "ONNX_TRUNCATED"],
    ["a length that reaches over the end", plus(0x32, 5, 1), "ONNX_TRUNCATED"],
    ["a varint of eleven bytes", plus(0x28, ...new Array<number>(10).fill(0x80), 1), "ONNX_VARINT_OVERLONG"],
    ["a tenth byte with more than one bit", plus(0x28, ...new Array<number>(9).fill(0xff), 2), "ONNX_VARINT_OVERLONG"],
    ["a padded varint", plus(0x28, 0x81, 0), "ONNX_VARINT_OVERLONG"],
    ["a padded tag", plus(0xa8, 0, 1), "ONNX_VARINT_OVERLONG"],
    ["a tag of more than 32 bits", plus(0xff, 0xff, 0xff, 0xff, 0x1f, 1), "ONNX_VARINT_OVERLONG"],
    ["a padded length", plus(0x32, 0x81, 0, 1), "ONNX_VARINT_OVERLONG"],
    ["field zero", plus(0, 0), "ONNX_FIELD_UNKNOWN"],
    ["a field of a later schema", plus(0xf8, 1, 1), "ONNX_FIELD_UNKNOWN"],
    ["a group", plus(0x33), "ONNX_WIRE_TYPE"],
    ["wire type 7", plus(0x37), "ONNX_WIRE_TYPE"],
    ["a text where a number belongs", plus(0x2a, 1, 1), "ONNX_WIRE_TYPE"],
    ["a singular field that comes twice", plus(0x08, 8), "ONNX_FIELD_REPEATED"],
    ["a 32-bit field with 33 bits", tensorWith(integerField(2, 2 ** 32 + 1)), "ONNX_INTEGER_RANGE"],
    ["a packed 32-bit list with 33 bits", tensorWith(packedField(5, [2 ** 32])), "ONNX_INTEGER_RANGE"],
    ["a packed list that ends inside a varint", tensorWith(bytesField(7, Uint8Array.of(1, 0x80))), "ONNX_TRUNCATED"],
    ["a packed list of floats that ends inside one", tensorWith(bytesField(4, new Uint8Array(6))), "ONNX_TRUNCATED"],
    ["a tensor that is named twice", tensorWith(textField(8, "v")), "ONNX_FIELD_REPEATED"],
    [
      "an operator name that is not UTF-8",
      withGraphFields(bytesField(1, bytesField(4, Uint8Array.of(0xc0, 0x80)))),
      "ONNX_STRING_NOT_UTF8",
    ],
    [
      "a type that is both a tensor and a sequence",
      withGraphFields(
        bytesField(13, bytesField(2, message(bytesField(1, new Uint8Array(0)), bytesField(4, new Uint8Array(0))))),
      ),
      "ONNX_FIELD_REPEATED",
    ],
  ];
  for (const [what, bytes, code] of cases) it(`refuses ${what}`, () => expect(admitCode(bytes)).to.equal(code));

  it("refuses every proper prefix of a model", () => {
    for (let length = 0; length < valid.length; length += 1)
      expect(admitCode(valid.subarray(0, length)), `${length} bytes`).to.not.equal("admitted");
  });

  it("reads 64-bit numbers with their sign", () => {
    const dims = [-1n, 0n, 127n, 128n, 2n ** 40n, -(2n ** 40n), 2n ** 53n, -(2n ** 63n)];
    const { graph } = readModel(tensorWith(packedField(1, dims)), DEFAULT_LIMITS);
    expect(graph?.initialisers[0]?.dims).to.deep.equal(dims.map(Number));
  });

  it("reads packed and single elements alike", () => {
    const single = message(...[3, 5].map((dim) => integerField(1, dim)));
    const { graph } = readModel(tensorWith(Buffer.concat([single, packedField(1, [7])])), DEFAULT_LIMITS);
    expect(graph?.initialisers[0]?.dims).to.deep.equal([3, 5, 7]);
  });

  it("refuses ORT's own format whatever follows the mark", () => {
    const bytes = Buffer.concat([varint(8), Buffer.from("abcORTM"), valid]);
    expect(admitCode(bytes)).to.equal("ONNX_ORT_FORMAT");
  });
});
