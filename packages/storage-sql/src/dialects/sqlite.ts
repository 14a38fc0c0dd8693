import { type Dialect, runOneByOne } from './dialect.js'
import { asBuffer, type Row, statement } from './statement.js'

export const sqlite: Dialect = Object.freeze({
  family: 'sqlite',
  nowMs: "CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)",
  orKeep: () => 'ON CONFLICT DO NOTHING',
  orCollide: 'ON CONFLICT DO NOTHING',
  returningId: 'RETURNING id',
  // The whole file is locked by BEGIN IMMEDIATE.
  forUpdate: '',
  // A session has no variables here: the triggers look at the row of the journal itself.
  journaling: { before: () => [], claimedUntilMs: 0 },
  alongIndex: [],
  bind: (value) =>
    value instanceof Uint8Array ? asBuffer(value) : Array.isArray(value) ? JSON.stringify(value) : value,
  name: String,
  position: (column) => `instr(${column}, ?)`,
  endsWith: (column, ext) => statement(`substr(${column}, -length(?)) = ?`, ext, ext),
  anyOf: (column, names) => statement(`${column} IN (SELECT value FROM json_each(?))`, names),
  begin: () => [statement('BEGIN IMMEDIATE')],
  limit: () => [],
  prepareSession: async () => undefined,
  restoreSession: () => [],
  readWithin: (select) => select,
  run: async (runner, { sql, values }) => {
    const bound = values.map((value) => sqlite.bind(value))
    const { records, affected } = await runner.query(sql, bound, true)
    return { rows: (records as Row[] | undefined) ?? [], affected: affected ?? 0, insertId: undefined }
  },
  commit: async (runner) => {
    await runner.query('COMMIT')
  },
  runAll: (runner, statements) => runOneByOne((each) => sqlite.run(runner, each), statements),
  discard: async () => undefined,
} satisfies Dialect)
