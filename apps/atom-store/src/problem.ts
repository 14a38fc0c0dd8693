/** An answer other than success, with a sentence for the person who reads it. */
export class Problem extends Error {
  readonly status: ProblemStatus
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: ProblemStatus,
    message: string,
    options: { readonly headers?: Readonly<Record<string, string>>; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.status = status
    this.headers = options.headers ?? {}
  }
}

export type ProblemStatus =
  400 | 401 | 403 | 404 | 405 | 406 | 409 | 411 | 412 | 413 | 415 | 416 | 428 | 429 | 500 | 503
