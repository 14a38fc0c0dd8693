import { servers } from '@larder/dev-servers/vitest'
import { SqlStorage, type SqlOptions } from '@larder/storage-sql'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataSource, type DataSourceOptions } from 'typeorm'

export type DatabaseName = 'sqlite' | 'postgres' | 'mariadb'

/** A fresh, empty database. */
export interface Place extends AsyncDisposable {
  readonly url: string
  /** How TypeORM reaches it. */
  readonly typeorm: DataSourceOptions
}

async function sqliteFile(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'larder-sqlite-'))
  const database = join(folder, 'test.db')
  return {
    url: `sqlite:${database}`,
    typeorm: { type: 'better-sqlite3', database },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

async function onServer(name: 'postgres' | 'mariadb'): Promise<Place> {
  const database = await servers[name].createDatabase()
  const { url } = database
  return {
    url,
    typeorm: name === 'postgres' ? { type: 'postgres', url } : { type: 'mariadb', url },
    [Symbol.asyncDispose]: () => database.drop(),
  }
}

export const DATABASES: Readonly<Record<DatabaseName, () => Promise<Place>>> = {
  sqlite: sqliteFile,
  postgres: () => onServer('postgres'),
  mariadb: () => onServer('mariadb'),
}

export const DATABASE_NAMES = Object.keys(DATABASES) as DatabaseName[]
export const SERVER_NAMES = ['postgres', 'mariadb'] as const

/** A fresh database with a storage on it; both are gone with the test. */
export async function openFresh(name: DatabaseName, options: SqlOptions = {}): Promise<OpenPlace> {
  const place = await DATABASES[name]()
  try {
    return new OpenPlace(place, options, await SqlStorage.open({ url: place.url, ...options }))
  } catch (error) {
    await place[Symbol.asyncDispose]()
    throw error
  }
}

export class OpenPlace implements AsyncDisposable {
  readonly #opened: AsyncDisposable[]

  constructor(
    readonly place: Place,
    readonly options: SqlOptions,
    readonly storage: SqlStorage,
  ) {
    this.#opened = [storage]
  }

  /** Another storage on the same database, as another process would have it. */
  async another(options: SqlOptions = {}): Promise<SqlStorage> {
    const storage = await SqlStorage.open({ url: this.place.url, ...this.options, ...options })
    this.#opened.push(storage)
    return storage
  }

  /** Rows of a query of the test's own, past the storage. */
  async query(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    await using database = await rawDatabase(this.place)
    return await database.query(sql, values)
  }

  async count(table: string, where = '1 = 1'): Promise<number> {
    const [row] = await this.query(`SELECT COUNT(*) AS n FROM larder_${table} WHERE ${where}`)
    return Number(row?.['n'])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const storage of this.#opened) await storage[Symbol.asyncDispose]()
    await this.place[Symbol.asyncDispose]()
  }
}

/** A connection of the test's own. */
export interface RawDatabase extends AsyncDisposable {
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>
}

export async function rawDatabase(place: Place): Promise<RawDatabase> {
  const dataSource = await new DataSource({ ...place.typeorm }).initialize()
  const runner = dataSource.createQueryRunner()
  return {
    query: async (sql, values = []) => (await runner.query(sql, values)) as Record<string, unknown>[],
    [Symbol.asyncDispose]: async () => {
      await runner.release()
      await dataSource.destroy()
    },
  }
}

/** What a failed call rejected with. */
export async function errorOf(call: Promise<unknown>): Promise<{ readonly code?: string } & Error> {
  try {
    await call
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
  throw new Error('The call was expected to fail')
}

/** Resolves when `open()` is called. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open: () => open() }
}
