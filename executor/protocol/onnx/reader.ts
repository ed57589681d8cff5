import { type Field, type MessageName, SCHEMA } from "./schema";
import { WireReader, wireError } from "./wire";

/** A decoded message: singular fields as values, repeated ones as arrays, absent ones absent. */
export interface Message {
	readonly [name: string]:
		| bigint
		| number
		| string
		| Uint8Array
		| Message
		| readonly (bigint | number | string | Uint8Array | Message)[]
		| undefined;
}
type Value = bigint | number | string | Uint8Array | Message;

/**
 * How deep messages may nest. A subgraph costs three levels (graph, node, attribute), so this is room for a dozen;
 * a "subgraph bomb" of thousands would end in a stack overflow instead of a refusal.
 */
const MAX_MESSAGE_DEPTH = 40;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Decodes one protobuf message strictly: unknown fields, wrong wire types, overlong numbers and a singular field that comes twice are refused.
 * The last matters: protobuf merges two `graph` fields into one, so a reader that keeps the last sees another model than onnxruntime.
 * @throws AssayError `ONNX_MALFORMED` with the fault and the message it was found in
 */
export function readMessage(
	name: MessageName,
	bytes: Uint8Array,
	depth = 0,
): Message {
	if (depth > MAX_MESSAGE_DEPTH) throw wireError("TOO_DEEP", name);
	const fields = SCHEMA[name];
	const reader = new WireReader(bytes, name);
	const message: Record<string, Value | Value[]> = {};
	while (!reader.done) {
		const { field: number, wire } = reader.tag();
		const field = fields[number];
		if (field === undefined)
			throw wireError("UNKNOWN_FIELD", `${name}.${number}`);
		const values = readField({
			reader,
			field,
			wire,
			where: `${name}.${field.name}`,
			depth,
		});
		if (field.repeated) {
			const list = (message[field.name] ??= []) as Value[];
			for (const value of values) list.push(value);
			continue;
		}
		if (message[field.name] !== undefined || values.length !== 1)
			throw wireError("FIELD_REPEATED", `${name}.${field.name}`);
		message[field.name] = values[0] as Value;
	}
	return message;
}

interface FieldInput {
	readonly reader: WireReader;
	readonly field: Field;
	readonly wire: number;
	readonly where: string;
	readonly depth: number;
}

function readField({ reader, field, wire, where, depth }: FieldInput): Value[] {
	switch (field.kind) {
		case "int":
			if (wire === 0) return [BigInt.asIntN(64, reader.varint())];
			if (wire === 2 && field.repeated)
				return packedInts(reader.delimited(), where);
			break;
		case "float":
		case "double": {
			const width = field.kind === "float" ? 4 : 8;
			if (wire === (width === 4 ? 5 : 1))
				return numbers(reader.take(width), width, where);
			if (wire === 2 && field.repeated)
				return numbers(reader.delimited(), width, where);
			break;
		}
		case "bytes":
			if (wire === 2) return [reader.delimited()];
			break;
		case "string":
			if (wire === 2) return [text(reader.delimited(), where)];
			break;
		default:
			if (wire === 2)
				return [readMessage(field.kind, reader.delimited(), depth + 1)];
	}
	throw wireError("WIRE_TYPE", where);
}

function packedInts(bytes: Uint8Array, where: string): bigint[] {
	const reader = new WireReader(bytes, where);
	const out: bigint[] = [];
	while (!reader.done) out.push(BigInt.asIntN(64, reader.varint()));
	return out;
}

function numbers(bytes: Uint8Array, width: 4 | 8, where: string): number[] {
	if (bytes.length % width !== 0) throw wireError("TRUNCATED", where);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	return Array.from({ length: bytes.length / width }, (_, i) =>
		width === 4 ? view.getFloat32(4 * i, true) : view.getFloat64(8 * i, true),
	);
}

function text(bytes: Uint8Array, where: string): string {
	try {
		return utf8.decode(bytes);
	} catch (cause) {
		throw Object.assign(wireError("UTF8", where), { cause });
	}
}
