import { AssayError } from "../domain/errors";

/** What can be wrong with a case before anything runs. */
export type ConformanceCode = "CASE_NOT_FOUND" | "CASE_MALFORMED" | "CASE_TENSOR_UNSUPPORTED" | "CASE_TENSOR_MALFORMED";

export class ConformanceError extends AssayError {
  constructor(code: ConformanceCode, message: string, cause?: unknown) {
    super({ code, message, ...(cause === undefined ? {} : { cause }) });
    this.name = "ConformanceError";
  }
}
