import { AssayError, type AssayErrorInit } from "../domain/errors";

/** Why bytes are no AT1 tensor, tensor set or tensor signature. Solidity's errors have the same names in camel case. */
export type TensorErrorCode =
  /** The bytes end inside the head (version, type, rank, dimensions). */
  | "TENSOR_TRUNCATED"
  | "TENSOR_VERSION_UNKNOWN"
  /** The type is outside ONNX 1..13. */
  | "TENSOR_TYPE_UNKNOWN"
  /** More than eight dimensions. */
  | "TENSOR_RANK_TOO_HIGH"
  /** The product of the dimensions, zeros counted as one, is above 2^24. */
  | "TENSOR_TOO_LARGE"
  /** The payload is shorter or longer than type and dimensions say. */
  | "TENSOR_LENGTH_MISMATCH"
  /** A bool element is neither 0 nor 1. */
  | "TENSOR_BOOL_NOT_CANONICAL"
  /** A string element is not valid UTF-8, or a JavaScript string holds a lone surrogate. */
  | "TENSOR_STRING_NOT_UTF8"
  /** A string element holds U+0000, which onnxruntime would cut it at. */
  | "TENSOR_STRING_HAS_NUL"
  /** A dimension is not an integer in 0 .. 2^32 - 1. */
  | "TENSOR_DIMENSION_INVALID"
  /** A value given to a builder does not fit the element type. */
  | "TENSOR_VALUE_OUT_OF_RANGE"
  /** The elements were asked for as a type that the tensor does not have. */
  | "TENSOR_TYPE_MISMATCH"
  | "TENSOR_SET_TRUNCATED"
  | "TENSOR_SET_VERSION_UNKNOWN"
  /** More than 255 tensors. */
  | "TENSOR_SET_TOO_MANY"
  | "TENSOR_SET_TRAILING_BYTES"
  /** A name is empty or longer than 255 bytes. */
  | "TENSOR_NAME_LENGTH"
  | "TENSOR_NAME_NOT_UTF8"
  | "TENSOR_NAME_REPEATED"
  | "TENSOR_SIGNATURE_TRUNCATED"
  | "TENSOR_SIGNATURE_VERSION_UNKNOWN"
  | "TENSOR_SIGNATURE_TYPE_UNKNOWN"
  | "TENSOR_SIGNATURE_RANK_TOO_HIGH"
  | "TENSOR_SIGNATURE_TOO_MANY"
  | "TENSOR_SIGNATURE_TRAILING_BYTES";

/** Why a floating point value has no fixed-point form, or the other way round. */
export type NumberErrorCode = "FLOAT_NOT_A_NUMBER" | "FLOAT_INFINITE" | "FLOAT_OVERFLOW";

/** Why bytes are not the strict CBOR that attestation documents use. */
export type CborErrorCode =
  | "CBOR_TRUNCATED"
  /** A head of another major type than the place demands. */
  | "CBOR_TYPE_UNEXPECTED"
  /** Additional information 28..30, or an indefinite length where none is allowed. */
  | "CBOR_HEAD_UNSUPPORTED"
  /** A head longer than its number needs. */
  | "CBOR_HEAD_NOT_MINIMAL"
  | "CBOR_TRAILING_BYTES";

export type CoseErrorCode =
  /** Not an array of four, or not untagged. */
  | "COSE_NOT_SIGN1"
  /** The protected header is not, byte for byte, the one of the demanded algorithm. */
  | "COSE_PROTECTED_HEADER"
  /** The unprotected header is not the empty map. */
  | "COSE_UNPROTECTED_HEADER"
  | "COSE_PAYLOAD_LENGTH"
  | "COSE_SIGNATURE_LENGTH";

export type DevelopmentErrorCode =
  /** The document is not signed by the pinned development root. */
  "DEVELOPMENT_SIGNATURE_INVALID";

export type NitroErrorCode =
  /** A key other than the next one of the fixed order: unknown, repeated, out of order or missing. */
  | "NITRO_FIELD_UNEXPECTED"
  /** A field is empty, too long, or null where it must not be. */
  | "NITRO_FIELD_LENGTH"
  /** The digest is not "SHA384". */
  | "NITRO_DIGEST"
  | "NITRO_TIMESTAMP"
  | "NITRO_MODULE_ID_NOT_UTF8"
  /** PCR 0, 1 or 2 is missing. */
  | "NITRO_PCR_MISSING"
  /** Indexes do not ascend strictly, or one is above 31. */
  | "NITRO_PCR_INDEX"
  | "NITRO_PCR_LENGTH"
  | "NITRO_PCR_COUNT";

/** Why bytes are not the strict DER that certificates are. */
export type DerErrorCode =
  | "DER_TRUNCATED"
  | "DER_TAG_UNEXPECTED"
  /** Indefinite, not the shortest, or above 65,535. */
  | "DER_LENGTH_INVALID"
  | "DER_TRAILING_BYTES"
  /** Empty, negative, or with a zero in front that it does not need. */
  | "DER_INTEGER_INVALID";

/** Why DER is no certificate of the AWS profile. */
export type X509ErrorCode =
  | "X509_VERSION"
  | "X509_SERIAL_INVALID"
  | "X509_SIGNATURE_ALGORITHM"
  | "X509_KEY_ALGORITHM"
  | "X509_SIGNATURE_ENCODING"
  | "X509_TIME_INVALID"
  /** Critical, and not understood. */
  | "X509_EXTENSION_CRITICAL"
  | "X509_EXTENSION_REPEATED"
  | "X509_EXTENSION_FLAG"
  | "X509_BASIC_CONSTRAINTS"
  | "X509_KEY_USAGE"
  /** A revocation list that is not of version 2. */
  | "X509_CRL_VERSION"
  /** A critical extension of a list or an entry, or a list that speaks for other issuers. */
  | "X509_CRL_EXTENSION";

/** Why the chain of a Nitro document does not hold. */
export type NitroChainErrorCode =
  | "NITRO_CERTIFICATE_MISSING"
  | "NITRO_BUNDLE_MISSING"
  | "NITRO_ROOT_UNKNOWN"
  | "NITRO_NOT_YET_VALID"
  | "NITRO_EXPIRED"
  | "NITRO_NAME_MISMATCH"
  | "NITRO_SELF_ISSUED"
  | "NITRO_NOT_CA"
  | "NITRO_TARGET_IS_CA"
  | "NITRO_PATH_LENGTH"
  | "NITRO_KEY_USAGE"
  | "P384_SCALAR_OUT_OF_RANGE"
  | "P384_KEY_INVALID"
  | "P384_SIGNATURES_INVALID";

export type UserDataErrorCode =
  | "USER_DATA_LENGTH"
  | "USER_DATA_VERSION_UNKNOWN"
  /** A word holds more than its type has room for, or a bool is neither 0 nor 1. */
  | "USER_DATA_WORD_NOT_CANONICAL";

export type ProtocolErrorCode =
  | TensorErrorCode
  | NumberErrorCode
  | CborErrorCode
  | CoseErrorCode
  | DevelopmentErrorCode
  | NitroErrorCode
  | DerErrorCode
  | X509ErrorCode
  | NitroChainErrorCode
  | UserDataErrorCode;

/** Bytes that break docs/protocol.md, or values that it can not carry. Never worth a retry: the same bytes fail again. */
export class ProtocolError extends AssayError {
  declare readonly code: ProtocolErrorCode;

  constructor(init: Omit<AssayErrorInit, "code" | "retry"> & { readonly code: ProtocolErrorCode }) {
    super({ ...init, retry: "never" });
    this.name = "ProtocolError";
  }
}
