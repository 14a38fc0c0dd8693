import { StorageError } from '@larder/storage-core'

export type Value = string | number | Uint8Array | null | readonly string[]

/** SQL with a `?` for each value. Names of tables are the only text that is ever put into it. */
export interface Statement {
  readonly sql: string
  readonly values: readonly Value[]
}

export type Row = Readonly<Record<string, unknown>>

export interface Outcome {
  readonly rows: readonly Row[]
  /** Rows that were inserted, changed or removed. */
  readonly affected: number
  readonly insertId: number | undefined
}

export function statement(sql: string, ...values: readonly Value[]): Statement {
  return { sql, values }
}

export function joinSql(parts: readonly (Statement | undefined)[], separator = ' '): Statement {
  const given = parts.filter((part) => part !== undefined)
  return {
    sql: given.map((part) => part.sql).join(separator),
    values: given.flatMap((part) => part.values),
  }
}

/** The same memory as a Buffer, which all drivers know as binary. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A binary column as its driver gives it; undefined for NULL. Throws `E_CORRUPT` for what has no bytes. */
export function binaryOf(value: unknown): Buffer | undefined {
  if (value === null || value === undefined) return undefined
  if (value instanceof Uint8Array) return asBuffer(value)
  // SQLite keeps the text that another program has written as text.
  if (typeof value === 'string') return Buffer.from(value)
  // libsql.
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  throw new StorageError('E_CORRUPT', `The driver of the database gave a ${typeof value} for bytes`)
}

/** BIGINT comes as a string from some drivers. Everything stored here is a safe integer. */
export function numberOf(value: unknown): number {
  return Number(value)
}

export function optionalNumber(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value)
}

/** JSON in ASCII: a database's character set can neither refuse nor change it. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
