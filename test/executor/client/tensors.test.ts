import { expect } from "chai";
import { bool, float32, float64, int32, int64, numbersOf, uint8 } from "../../../executor/client/index";

describe("client/tensors", () => {
  for (const [name, tensor, dtype, values] of [
    ["float32", float32([1, 2], [1.5, -0.25]), 1, [1.5, -0.25]],
    ["float32 of a typed array", float32([2], Float32Array.of(1, 2)), 1, [1, 2]],
    ["float64", float64([1], [0.1]), 11, [0.1]],
    ["int32", int32([2], [-1, 7]), 6, [-1, 7]],
    ["int64", int64([2], [-1n, 7]), 7, [-1, 7]],
    ["uint8", uint8([], [255]), 2, [255]],
    ["bool", bool([2], [true, false]), 9, [1, 0]],
  ] as const) {
    it(`makes ${name}`, () => {
      expect(tensor.dtype).to.equal(dtype);
      expect(numbersOf(tensor)).to.deep.equal(values);
    });
  }

  it("refuses values that are not what the shape asks for, or do not fit", () => {
    expect(() => float32([1, 3], [1, 2]))
      .to.throw()
      .with.property("code", "TENSOR_LENGTH_MISMATCH");
    expect(() => uint8([1], [256]))
      .to.throw()
      .with.property("code", "TENSOR_VALUE_OUT_OF_RANGE");
    expect(() => int32([1.5], [1]))
      .to.throw()
      .with.property("code", "TENSOR_DIMENSION_INVALID");
  });
});
