import { AssayError } from "../../domain/errors";

/**
 * What is wrong with the bytes of a model, by the rule they break.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export type WireFault =
	| "TRUNCATED"
	| "OVERLONG_VARINT"
	| "WIRE_TYPE"
	| "FIELD_ZERO"
	| "UNKNOWN_FIELD"
	| "FIELD_REPEATED"
	| "TOO_DEEP"
	| "UTF8";

export function wireError(fault: WireFault, where: string): AssayError {
	return new AssayError({
		code: "ONNX_MALFORMED",
		message: `malformed ONNX bytes in ${where}: ${fault}`,
		context: { fault, where },
	});
}

/** Reads protobuf's wire format from the front of a byte array; strict where the format leaves a choice. */
export class WireReader {
	private offset = 0;

	constructor(
		private readonly bytes: Uint8Array,
		private readonly where: string,
	) {}

	get done(): boolean {
		return this.offset >= this.bytes.length;
	}

	/** An unsigned 64-bit varint in its shortest form: two spellings of one number would be two models with one meaning. */
	varint(): bigint {
		let value = 0n;
		for (let i = 0; i < 10; i++) {
			const byte = this.bytes[this.offset++];
			if (byte === undefined) throw wireError("TRUNCATED", this.where);
			value |= BigInt(byte & 0x7f) << BigInt(7 * i);
			if (byte < 0x80) {
				if ((byte === 0 && i > 0) || value >= 1n << 64n)
					throw wireError("OVERLONG_VARINT", this.where);
				return value;
			}
		}
		throw wireError("OVERLONG_VARINT", this.where);
	}

	/** Field number and wire type of the next field. */
	tag(): { field: number; wire: number } {
		const key = this.varint();
		if (key >= 1n << 32n) throw wireError("OVERLONG_VARINT", this.where);
		const field = Number(key >> 3n);
		if (field === 0) throw wireError("FIELD_ZERO", this.where);
		return { field, wire: Number(key & 7n) };
	}

	/** A view, not a copy. */
	take(length: number): Uint8Array {
		if (length > this.bytes.length - this.offset)
			throw wireError("TRUNCATED", this.where);
		const view = this.bytes.subarray(this.offset, this.offset + length);
		this.offset += length;
		return view;
	}

	delimited(): Uint8Array {
		const length = this.varint();
		if (length > BigInt(this.bytes.length))
			throw wireError("TRUNCATED", this.where);
		return this.take(Number(length));
	}
}
