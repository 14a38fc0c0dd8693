import type { MemcacheClient } from '@larder/memcached'
import type { DataSource } from 'typeorm'
import type { Handler } from './handlers.js'

const TIMEOUT_MS = 2_000

/** What an orchestrator asks. Without memcached the API is slower and still right, so that decides nothing. */
export class Health {
  readonly #dataSource: DataSource
  readonly #memcached: MemcacheClient

  constructor(dataSource: DataSource, memcached: MemcacheClient) {
    this.#dataSource = dataSource
    this.#memcached = memcached
  }

  /** Whether the process answers. A database that is down is no reason to restart it. */
  readonly live: Handler = () => Promise.resolve({ status: 200, body: { status: 'up' } })

  /** Whether requests should come here: 503 where the database does not answer in time. */
  readonly ready: Handler = async () => {
    const [database, memcached] = await Promise.all([this.#askDatabase(), this.#askMemcached()])
    return { status: database === 'up' ? 200 : 503, body: { database, memcached } }
  }

  async #askDatabase(): Promise<'up' | 'down'> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'down'>((resolve) => {
      timer = setTimeout(() => resolve('down'), TIMEOUT_MS)
    })
    const asked = this.#dataSource.query('SELECT 1').then(
      () => 'up' as const,
      () => 'down' as const,
    )
    return Promise.race([asked, late]).finally(() => clearTimeout(timer))
  }

  async #askMemcached(): Promise<Record<string, 'up' | 'down'>> {
    const { answers, failed } = await this.#memcached.version()
    const each = (names: Iterable<string>, state: 'up' | 'down') =>
      Array.from(names, (name) => [name, state] as const)
    return Object.fromEntries([...each(answers.keys(), 'up'), ...each(failed.keys(), 'down')])
  }
}
