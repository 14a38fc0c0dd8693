import { Backoff } from '@larder/storage-core/driver'
import type { DataSource } from 'typeorm'
import { CHANNEL } from '../triggers/index.js'
import { isTransactionPooled, type PostgresPool, type PostgresSession } from './pooler.js'
import { runSessionHook, type SessionHook, sessionHookOf, type SqlSession } from '../session-hook.js'
import { withTimeout } from './with-timeout.js'

const PAUSES = Object.freeze({ firstMs: 250, longestMs: 30_000 })
const AGAIN_MS = [50, 500]
const CLOSED_WITHIN_MS = 1_000

/** Tells those who wait when something may have been recorded. */
export interface Listener {
  /** Returns what ends it. */
  subscribe(wake: () => void): () => void
  close(): Promise<void>
}

/** The little of `pg`'s client that is used. */
interface Client extends PostgresSession {
  connect(): Promise<unknown>
  end(): Promise<void>
  on(event: 'notification', listener: (message: { readonly payload?: string }) => void): unknown
  on(event: 'error' | 'end', listener: () => void): unknown
  readonly connection: { readonly stream: { unref?: () => void } }
}

/** What TypeORM's driver for PostgreSQL has loaded and connected. */
interface Driver {
  readonly master: PostgresPool & {
    readonly options: unknown
    readonly Client: new (options: unknown) => Client
  }
}

/**
 * A connection of its own that listens, from the first subscription to the last. Should it break, it is made anew,
 * and everybody is woken once, since nothing is kept for who does not listen. Behind a pooler that gives connections
 * out for a transaction only, it says so once, and nobody is ever woken. It does not keep the process alive.
 */
export class PostgresListener implements Listener {
  readonly #driver: Driver
  readonly #payload: string
  readonly #hook: SessionHook | undefined
  readonly #wakes = new Set<() => void>()
  #client: Client | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #again = new Set<NodeJS.Timeout>()
  readonly #backoff = new Backoff(PAUSES)
  #cannotListen = false
  #ended: Promise<void> = Promise.resolve()

  /** `table`: the table of changes, as triggers name it, without its schema. */
  constructor(dataSource: DataSource, table: string) {
    this.#driver = dataSource.driver as unknown as Driver
    this.#payload = table
    this.#hook = sessionHookOf(dataSource)
  }

  subscribe(wake: () => void): () => void {
    // The same function may be subscribed twice.
    const each = () => wake()
    this.#wakes.add(each)
    if (this.#wakes.size === 1 && !this.#cannotListen) void this.#connect()
    return () => {
      this.#wakes.delete(each)
      if (this.#wakes.size === 0) this.#disconnect()
    }
  }

  async close(): Promise<void> {
    this.#wakes.clear()
    this.#disconnect()
    await this.#ended
  }

  async #connect(): Promise<void> {
    clearTimeout(this.#timer)
    const { master } = this.#driver
    const client = new master.Client(master.options)
    this.#client = client
    client.on('error', () => this.#lost(client))
    client.on('end', () => this.#lost(client))
    client.on('notification', ({ payload }) => {
      if (payload === this.#payload) this.#wakeRepeatedly()
    })
    try {
      await client.connect()
      if (this.#hook !== undefined) {
        const query: SqlSession['query'] = async (sql, values) =>
          (await client.query(sql, values)).rows as Readonly<Record<string, unknown>>[]
        await runSessionHook(this.#hook, query)
      }
      const isPooled = await isTransactionPooled(client, master)
      if (isPooled === true) return this.#giveUp(client)
      // On a connection that changes, LISTEN would wake another client of the pooler.
      if (isPooled === undefined) return this.#lost(client)
      if (this.#client !== client) return
      await client.query(`LISTEN ${CHANNEL}`)
      client.connection.stream.unref?.()
      this.#backoff.reset()
      this.#wakeAll()
    } catch {
      this.#lost(client)
    }
  }

  /** Its wakes would go to another client of the pooler. */
  #giveUp(client: Client): void {
    this.#cannotListen = true
    if (this.#client === client) this.#disconnect()
    process.emitWarning(
      'A pooler in transaction mode is in front of PostgreSQL, where LISTEN does not work: changes by other programs ' +
        'are found by polling. Connect past the pooler, or set listen: false',
      { type: 'LarderWarning', code: 'LARDER_NO_LISTEN' },
    )
  }

  #lost(client: Client): void {
    client.end().catch(() => undefined)
    if (this.#client !== client) return
    this.#client = undefined
    if (this.#wakes.size === 0) return
    this.#timer = setTimeout(() => void this.#connect(), this.#backoff.next()).unref()
  }

  #disconnect(): void {
    clearTimeout(this.#timer)
    for (const timer of this.#again) clearTimeout(timer)
    this.#again.clear()
    const client = this.#client
    this.#client = undefined
    if (client === undefined) return
    this.#ended = withTimeout(client.end(), CLOSED_WITHIN_MS, 'Closing').catch(() => undefined)
  }

  /** Transactions that commit beside the one that notifies leave it to that one, and may end somewhat later. */
  #wakeRepeatedly(): void {
    this.#wakeAll()
    for (const ms of AGAIN_MS) {
      const timer = setTimeout(() => {
        this.#again.delete(timer)
        this.#wakeAll()
      }, ms).unref()
      this.#again.add(timer)
    }
  }

  #wakeAll(): void {
    for (const wake of this.#wakes) wake()
  }
}
