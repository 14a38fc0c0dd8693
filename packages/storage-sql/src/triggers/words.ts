import type { Family } from '../entities/index.js'

/** What triggers say differently in each database. Everything given is SQL. */
export interface Words {
  /** Compares with NULL as with any value. */
  readonly differs: (one: string, other: string) => string
  readonly greatest: (one: string, other: string) => string
  /** In its stored form: values that other programs store need not be binary in SQLite. */
  readonly bytes: (value: string) => string
  readonly octets: (value: string) => string
  /** What one row about a change is kept for: a transaction where the database can tell, else a statement. */
  readonly origin: string
  readonly nowMs: string
  readonly nowUs: string
  readonly text: (value: string) => string
}

export const WORDS: Readonly<Record<Family, Words>> = Object.freeze({
  postgres: {
    differs: (one, other) => `(${one} IS DISTINCT FROM ${other})`,
    greatest: (one, other) => `GREATEST(${one}, ${other})`,
    bytes: (value) => value,
    octets: (value) => `octet_length(${value})`,
    origin: 'txid_current()::text',
    nowMs: '(extract(epoch FROM clock_timestamp()) * 1000)::bigint',
    nowUs: '(extract(epoch FROM clock_timestamp()) * 1000000)::bigint',
    text: (value) => `convert_from(decode('${Buffer.from(value).toString('hex')}', 'hex'), 'UTF8')`,
  },
  mysql: {
    differs: (one, other) => `(NOT (${one} <=> ${other}))`,
    greatest: (one, other) => `GREATEST(${one}, ${other})`,
    bytes: (value) => value,
    octets: (value) => `LENGTH(${value})`,
    // The time is that of the statement, for all its rows.
    origin: `CONCAT(CONNECTION_ID(), '.', UTC_TIMESTAMP(6) + 0)`,
    nowMs: `(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000)`,
    nowUs: `TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6))`,
    text: (value) => `x'${Buffer.from(value).toString('hex')}'`,
  },
  // For any SQLite of the last years: the program that makes the change brings its own.
  sqlite: {
    differs: (one, other) => `(${one} IS NOT ${other})`,
    greatest: (one, other) => `max(${one}, ${other})`,
    bytes: (value) => `CAST(${value} AS BLOB)`,
    octets: (value) => `length(CAST(${value} AS BLOB))`,
    // Nobody else writes meanwhile, so that one row will do.
    origin: `''`,
    nowMs: `CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)`,
    nowUs: `(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000)`,
    text: (value) => `CAST(x'${Buffer.from(value).toString('hex')}' AS TEXT)`,
  },
})

/** What a row of the table of changes says. Everything is SQL. */
export interface Recorded {
  readonly subject: string
  readonly member: string
  readonly listed: string
  /** Where they come from, with what comes behind it. */
  readonly from?: string
}

/** The statements that record a change. An existing row is touched, so that a process which has claimed it does not drop it. */
export function record(family: Family, table: string, { subject, member, listed, from }: Recorded): string[] {
  const { origin, nowMs } = WORDS[family]
  const columns = '(subject, member, origin, touched, listed, created_ms, claimed_until_ms)'
  const values = `SELECT ${subject}, ${member}, ${origin}, 1, ${listed}, ${nowMs}, 0`
  switch (family) {
    case 'postgres':
      return [
        `INSERT INTO ${table} AS k ${columns} ${values}${from === undefined ? '' : ` FROM ${from}`} ` +
          'ON CONFLICT (subject, member, origin) DO UPDATE ' +
          'SET touched = k.touched + 1, listed = GREATEST(k.listed, EXCLUDED.listed)',
      ]
    case 'mysql':
      return [
        `INSERT INTO ${table} ${columns} ${values} FROM ${from ?? 'DUAL'} ` +
          `ON DUPLICATE KEY UPDATE touched = touched + 1, listed = GREATEST(${table}.listed, VALUES(listed))`,
      ]
    case 'sqlite': {
      // No conflict clause: the one of the statement that fires the trigger would be used instead.
      const source = from ?? '(SELECT 1)'
      const joined = / WHERE /.test(source) ? 'AND' : 'WHERE'
      const same = (each: string) =>
        `${each}.subject = ${subject} AND ${each}.member = ${member} AND ${each}.origin = ${origin}`
      return [
        `UPDATE ${table} SET touched = touched + 1, ` +
          `listed = max(listed, COALESCE((SELECT ${listed} FROM ${source}), 0)) ` +
          `WHERE EXISTS (SELECT 1 FROM ${source} ${joined} ${same(table)})`,
        `INSERT INTO ${table} ${columns} ${values} FROM ${source} ` +
          `${joined} NOT EXISTS (SELECT 1 FROM ${table} AS k WHERE ${same('k')})`,
      ]
    }
  }
}
