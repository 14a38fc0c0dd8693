import type { DataSource } from 'typeorm'
import { familyOf } from '../entities/index.js'

/** The little of `pg` that is used. */
interface Client {
  on(event: 'error', listener: () => void): unknown
}

interface Pool {
  on(event: 'acquire', listener: (client: Client) => void): unknown
}

const guarded = new WeakSet<object>()
const ignored = (): void => undefined

/**
 * Between two listeners, the pool's and TypeORM's, a connection to PostgreSQL that the server ends has none, and its
 * `error` event would end the process. Here each connection of an initialised data source gets one that does nothing:
 * the next query over the connection rejects. It stays for as long as the pool does. A second call does nothing.
 */
export function guardPool(dataSource: DataSource): void {
  if (familyOf(dataSource.options.type) !== 'postgres') return
  const { master, slaves = [] } = dataSource.driver as {
    readonly master?: Pool
    readonly slaves?: readonly Pool[]
  }
  for (const pool of master === undefined ? slaves : [master, ...slaves]) {
    if (guarded.has(pool)) continue
    guarded.add(pool)
    pool.on('acquire', (client) => {
      if (guarded.has(client)) return
      guarded.add(client)
      client.on('error', ignored)
    })
  }
}
