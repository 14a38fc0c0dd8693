import { installOutbox, larderEntities, larderMigrations, SqlOutbox, SqlStorage } from '@larder/storage-sql'
import { DataSource } from 'typeorm'
import { describe, expect, test } from 'vitest'
import { DATABASES } from './databases.js'

/** A connection of `pg`, as the pool of a data source hands it out. */
interface Client extends NodeJS.EventEmitter {
  query(text: string): Promise<{ readonly rows: readonly { readonly pid: number }[] }>
  release(error?: Error): void
}

/** How Larder comes to know a data source. */
const OPENINGS: Record<string, (dataSource: DataSource) => Promise<AsyncDisposable>> = {
  SqlStorage: (dataSource) => SqlStorage.open({ dataSource, migrate: true }),
  SqlOutbox: async (dataSource) => {
    await installOutbox(dataSource)
    return SqlOutbox.open({ dataSource })
  },
}

describe.each(Object.keys(OPENINGS))('a pool of the program that %s is given', (name) => {
  test('has a listener for errors on each connection, also while nobody uses it', async () => {
    await using place = await DATABASES.postgres()
    const dataSource = await new DataSource({
      ...place.typeorm,
      entities: larderEntities('postgres'),
      migrations: larderMigrations('postgres'),
    }).initialize()
    const other = await new DataSource(place.typeorm).initialize()
    try {
      await using opened = await OPENINGS[name]?.(dataSource)
      expect(opened).toBeDefined()
      const { master } = dataSource.driver as unknown as { readonly master: { connect(): Promise<Client> } }
      // As between the listeners of the pool and of TypeORM: without the guard, the event ends the process.
      const client = await master.connect()
      const [session] = (await client.query('SELECT pg_backend_pid() AS pid')).rows
      const ended = new Promise<void>((resolve) => client.once('end', () => resolve()))
      await other.query('SELECT pg_terminate_backend($1)', [session?.pid])
      await ended
      client.release(new Error('ended by the server'))
      expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    } finally {
      await dataSource.destroy()
      await other.destroy()
    }
  })
})
