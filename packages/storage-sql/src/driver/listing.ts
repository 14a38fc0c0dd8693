import { StorageError } from '@larder/storage-core'
import { type ListRequest, type ListRow, type ListRows } from '@larder/storage-core/driver'
import type { ConnectionSource } from '../connections/index.js'
import { inCollection } from './containers.js'
import { joinSql, numberOf, type Row, type Statement, statement } from '../dialects/index.js'
import { dateOf, extOf } from './resource-row.js'
import type { TablePaths } from '../tables.js'

const NAMES_IN_A_BATCH = 5_000
/** So many are sorted for a page by time; where more end in `ext`, a walk by time finds them soon. */
const FEW = 5_000

/** Where a page ended. */
interface Position {
  readonly modifiedUs: number
  readonly name: string
}

type Signal = AbortSignal | undefined

interface Select {
  readonly columns: string
  readonly collection: string
  readonly ext: string | undefined
  /** What keeps the rows of former pages out. */
  readonly behind: Statement | undefined
  readonly by: string
  readonly limit: number
}

/** Lists the members of a collection. Pages follow each other by keys, along an index. */
export class Listing {
  readonly #source: ConnectionSource
  readonly #tables: TablePaths

  constructor(source: ConnectionSource, tables: TablePaths) {
    this.#source = source
    this.#tables = tables
  }

  async page(request: ListRequest, signal: Signal): Promise<ListRows> {
    const { collection, ext, order, limit } = request
    const after = request.after === undefined ? undefined : parsePosition(request.after)
    const behind =
      after && (order === 'name' ? statement('AND name > ?', after.name) : behindTime(order, after))
    const direction = order === 'newest' ? 'DESC' : 'ASC'
    const by = order === 'name' ? 'name' : `modified_us ${direction}, name ${direction}`
    const select = { columns: 'name, version, modified_us', collection, ext, behind, by, limit: limit + 1 }
    const isSorted = order !== 'name' && ext !== undefined && (await this.#hasFew(collection, ext, signal))
    const rows = await this.#rows(isSorted ? this.#sorted(select) : this.#ordered(select), signal)
    const page = rows.slice(0, limit)
    const [first] = page
    const last = rows.length > limit ? page.at(-1) : undefined
    return {
      rows: page.map((row) => this.#listRow(row)),
      next: last && this.#position(last),
      first: first && this.#position(first),
    }
  }

  /** All names, in batches. */
  async *names(
    { collection, ext }: Pick<ListRequest, 'collection' | 'ext'>,
    signal: Signal,
  ): AsyncGenerator<readonly string[], void, undefined> {
    let behind: Statement | undefined
    for (;;) {
      const select = { columns: 'name', collection, ext, behind, by: 'name', limit: NAMES_IN_A_BATCH }
      const rows = await this.#rows(this.#ordered(select), signal)
      const names = rows.map((row) => this.#source.dialect.name(row['name']))
      if (names.length > 0) yield names
      const last = names.at(-1)
      if (last === undefined || names.length < NAMES_IN_A_BATCH) return
      behind = statement('AND name > ?', last)
    }
  }

  /** Along an index that has the order. */
  #ordered({ columns, collection, ext, behind, by, limit }: Select): Statement {
    return joinSql([
      statement(`SELECT ${columns} FROM ${this.#tables.resource} WHERE`),
      this.#members(collection, ext),
      behind,
      statement(`ORDER BY ${by} LIMIT ${limit}`),
    ])
  }

  /** Along the index of `ext`, where it finds few: the limit inside keeps a planner from another index. */
  #sorted({ columns, collection, ext, behind, by, limit }: Select): Statement {
    return joinSql([
      statement(`SELECT ${columns} FROM (`),
      this.#fewOf(columns, collection, ext),
      statement(') few WHERE 1 = 1'),
      behind,
      statement(`ORDER BY ${by} LIMIT ${limit}`),
    ])
  }

  async #hasFew(collection: string, ext: string, signal: Signal): Promise<boolean> {
    const few = this.#fewOf('name', collection, ext)
    const count = joinSql([statement('SELECT COUNT(*) AS found FROM ('), few, statement(') few')])
    return numberOf((await this.#rows(count, signal))[0]?.['found']) < FEW
  }

  #fewOf(columns: string, collection: string, ext: string | undefined): Statement {
    return joinSql([
      statement(`SELECT ${columns} FROM ${this.#tables.resource} WHERE`),
      this.#members(collection, ext),
      statement(`ORDER BY name LIMIT ${FEW}`),
    ])
  }

  #members(collection: string, ext: string | undefined): Statement {
    return joinSql([
      inCollection(this.#tables, collection),
      statement('AND live = 1'),
      ext === undefined ? undefined : this.#endingIn(ext),
    ])
  }

  /** An index finds what comes after the last dot; where `ext` has several, the rest is compared. */
  #endingIn(ext: string): Statement {
    const last = extOf(ext) ?? ext
    const { dialect } = this.#source
    return joinSql([
      statement('AND ext = ?', last),
      last === ext ? undefined : joinSql([statement('AND'), dialect.endsWith('name', ext)]),
    ])
  }

  async #rows(select: Statement, signal: Signal): Promise<readonly Row[]> {
    const statements = [...this.#source.dialect.alongIndex, select]
    const outcomes = await this.#source.read((connection) => connection.runAll(statements), signal)
    return outcomes.at(-1)?.rows ?? []
  }

  #listRow(row: Row): ListRow {
    return {
      name: this.#source.dialect.name(row['name']),
      version: numberOf(row['version']),
      modifiedAt: dateOf(row['modified_us']),
    }
  }

  #position(row: Row): string {
    return `${numberOf(row['modified_us'])} ${this.#source.dialect.name(row['name'])}`
  }
}

/** Not as a comparison of rows, for which MySQL uses no index. */
function behindTime(order: 'oldest' | 'newest', { modifiedUs, name }: Position): Statement {
  const sign = order === 'newest' ? '<' : '>'
  return statement(
    `AND modified_us ${sign}= ? AND (modified_us ${sign} ? OR name ${sign} ?)`,
    modifiedUs,
    modifiedUs,
    name,
  )
}

function parsePosition(text: string): Position {
  const match = /^([0-9]{1,16}) (.+)$/s.exec(text)
  if (match?.[1] === undefined || match[2] === undefined)
    throw new StorageError('E_BAD_REQUEST', '`after` is no cursor of this storage')
  return { modifiedUs: Number(match[1]), name: match[2] }
}
