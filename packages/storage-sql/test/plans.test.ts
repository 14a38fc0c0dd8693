import { larderEntities, larderMigrations, SqlStorage } from '@larder/storage-sql'
import { describe, expect, test } from 'vitest'
import { DataSource, type Logger } from 'typeorm'
import { type DatabaseName, DATABASE_NAMES, DATABASES, type Place, rawDatabase } from './databases.js'

/** Text with one or more statements, as it was sent. */
interface Asked {
  readonly sql: string
  readonly values: unknown[]
}

/** A storage whose database has never been analyzed, and what it asks of it. */
class World implements AsyncDisposable {
  private constructor(
    readonly name: DatabaseName,
    readonly place: Place,
    readonly dataSource: DataSource,
    readonly storage: SqlStorage,
    readonly asked: Asked[],
  ) {}

  static async open(name: DatabaseName): Promise<World> {
    const place = await DATABASES[name]()
    const asked: Asked[] = []
    const ignore = () => undefined
    const logger: Logger = {
      logQuery: (sql, values: unknown[] = []) => void asked.push({ sql, values }),
      logQueryError: ignore,
      logQuerySlow: ignore,
      logSchemaBuild: ignore,
      logMigration: ignore,
      log: ignore,
    }
    const type = place.typeorm.type as 'postgres'
    const tables = { entities: larderEntities(type), migrations: larderMigrations(type) }
    const dataSource = await new DataSource({ ...place.typeorm, ...tables, logger }).initialize()
    return new World(
      name,
      place,
      dataSource,
      await SqlStorage.open({ dataSource, migrate: true, orderByModified: true }),
      asked,
    )
  }

  /** Members of a size that lets a planner without statistics think of few. */
  async fill(count: number, ext = ''): Promise<void> {
    await using database = await rawDatabase(this.place)
    if (this.name === 'postgres')
      await database.query('ALTER TABLE larder_resource SET (autovacuum_enabled = off)')
    const content = 'x'.repeat(1_900)
    const columns = '(container_id, name, ext, live, version, modified_us, content_version, content)'
    for (let start = 0; start < count; start += 500) {
      const rows = Array.from({ length: 500 }, (_, i) => {
        const number = String(start + i)
        const name = `member-${number.padStart(6, '0')}${ext}`
        return `(1, '${name}', ${ext === '' ? 'NULL' : `'${ext}'`}, 1, 1, ${number}, 1, '${content}')`
      })
      await database.query(`INSERT INTO larder_resource ${columns} VALUES ${rows.join(', ')}`)
    }
  }

  /** How the database executes the last ordered query of `work`. */
  async planOf(work: () => Promise<unknown>): Promise<string> {
    this.asked.length = 0
    await work()
    const ordered = this.asked.findLast(({ sql }) => sql.includes('ORDER BY'))
    expect.assert(ordered !== undefined)
    const before = ordered.sql.split('; ')
    const select = before.pop() ?? ''
    let count = 0
    const numbered = this.name === 'postgres' ? select.replaceAll('?', () => `$${String(++count)}`) : select
    await using database = await rawDatabase(this.place)
    await database.query('BEGIN')
    for (const each of before) await database.query(each)
    const rows = await database.query(`${EXPLAIN[this.name]} ${withoutLimit(numbered)}`, ordered.values)
    return rows.map((row) => JSON.stringify(row)).join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.storage.shutdown()
    await this.dataSource.destroy()
    await this.place[Symbol.asyncDispose]()
  }
}

/** MariaDB explains no statement with its own limit of time. */
function withoutLimit(sql: string): string {
  return sql.replace(/^SET STATEMENT max_statement_time = \S+ FOR /, '')
}

const EXPLAIN: Readonly<Record<DatabaseName, string>> = {
  sqlite: 'EXPLAIN QUERY PLAN',
  postgres: 'EXPLAIN',
  mariadb: 'EXPLAIN',
}

/** What a plan says that follows no index. */
const SORTS: Readonly<Record<DatabaseName, RegExp>> = {
  sqlite: /TEMP B-TREE/,
  postgres: /Sort/,
  mariadb: /filesort/,
}

describe.each(DATABASE_NAMES)('without statistics, %s', (name) => {
  test('sorts no collection for a page or for its names', async () => {
    await using world = await World.open(name)
    const { storage } = world
    await storage.putContent(storage.info('c', 'a'), '1')
    await world.fill(10_000)
    const plans: string[] = []
    for (const order of ['name', 'oldest', 'newest'] as const) {
      for (const ext of order === 'name' ? [undefined, 'x'] : [undefined]) {
        const page = (after?: string) => storage.page('c', { order, limit: 10, ext, after })
        plans.push(await world.planOf(() => page()))
        const { next } = await page()
        if (next !== undefined) plans.push(await world.planOf(() => page(next)))
      }
    }
    plans.push(await world.planOf(() => storage.ls('c')))
    for (const plan of plans) expect(plan).not.toMatch(SORTS[name])
    expect(plans.length).toBe(8)
  })

  test('finds the few members of an extension along its index, whatever the order', async () => {
    await using world = await World.open(name)
    const { storage } = world
    for (const each of ['a.x', 'b.x', 'c.tar.x']) await storage.putContent(storage.info('c', each), '1')
    await world.fill(10_000, '.html')
    for (const order of ['name', 'oldest', 'newest'] as const) {
      for (const ext of ['x', 'tar.x']) {
        const plan = await world.planOf(() => storage.page('c', { order, limit: 10, ext }))
        expect(plan, order).toMatch(/larder_resource_by_ext/)
      }
    }
    const { entries } = await storage.page('c', { order: 'newest', ext: 'x' })
    expect(entries.map(({ name }) => name)).toEqual(['c.tar.x', 'b.x', 'a.x'])
  })

  test('follows the index of times where many members have the extension', async () => {
    await using world = await World.open(name)
    const { storage } = world
    await storage.putContent(storage.info('c', 'a.html'), '1')
    await world.fill(10_000, '.html')
    const plan = await world.planOf(() => storage.page('c', { order: 'newest', limit: 10, ext: 'html' }))
    expect(plan).toMatch(/larder_resource_by_time/)
    expect(plan).not.toMatch(SORTS[name])
  })
})
