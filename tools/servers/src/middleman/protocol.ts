/** An error as a middleman makes it. */
export interface Answer {
  /** SQLSTATE for PostgreSQL, the error number for MySQL. */
  readonly code: string | number
  readonly message: string
  /** PostgreSQL only. Default: `ERROR`. */
  readonly severity?: 'ERROR' | 'FATAL'
}

/** What a middleman knows of one connection. */
export interface Protocol {
  /** The messages of the client in `chunk`. */
  fromClient(chunk: Buffer): readonly Request[]
  /** The messages of the server in `chunk`. */
  fromServer(chunk: Buffer): readonly Message[]
  /** The error in the server's place. */
  error(answer: Answer): Buffer
}

export interface Message {
  readonly bytes: Buffer
  /** Whether a statement, or the answer to it, is complete with this message. */
  readonly ends: boolean
}

export interface Request extends Message {
  /** The SQL that it carries. */
  readonly sql: string | undefined
}
