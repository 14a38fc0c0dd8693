import { StorageError } from '@larder/storage-core'
import type { DataSource, DataSourceOptions, QueryRunner } from 'typeorm'
import {
  isTransactionPooled,
  type PostgresPool,
  type PostgresSession,
  SERVER_ANSWERS_WITHIN_MS,
  withTimeout,
} from '../connections/index.js'
import { callSessionHook, sessionHookOf, setSessionHook } from '../session-hook.js'
import { type Dialect, type Row, type Statement, statement } from '../dialects/index.js'
import { Opened, openingMs, ownDataSource, refuseGalera, type StorageDatabase } from '../opening/index.js'
import { isConnectionLost, isInDoubt, isUnknown, toStorageError } from '../sql-errors.js'
import type { AdvisoryDialect } from './advisory.js'

/** The little of a driver's connection that is used. */
interface Client {
  once(event: 'end' | 'error', listener: () => void): unknown
}

/** One connection beside those of the storage. What it locks is lost when it ends. */
export class LockSession {
  readonly #dialect: Dialect
  readonly #runner: QueryRunner
  readonly #opened: Opened
  readonly #limitMs: number
  readonly #onEnd: () => void
  readonly #timer: NodeJS.Timeout
  #isOver = false
  #last: Promise<unknown> = Promise.resolve()

  private constructor(
    { settings, source }: StorageDatabase,
    runner: QueryRunner,
    opened: Opened,
    idleMs: number,
    onEnd: () => void,
  ) {
    this.#dialect = source.dialect
    this.#runner = runner
    this.#opened = opened
    this.#limitMs = settings.statementTimeoutMs + SERVER_ANSWERS_WITHIN_MS
    this.#onEnd = onEnd
    this.#timer = setInterval(() => void this.#ping(), idleMs / 3).unref()
  }

  /** The server ends it when nothing is heard of it for `idleMs`. `onEnd` is called once. */
  static async open(
    database: StorageDatabase,
    advisory: AdvisoryDialect,
    idleMs: number,
    onEnd: () => void,
  ): Promise<LockSession> {
    const { dataSource, prefix, settings } = database
    const opened = new Opened()
    let session: LockSession | undefined
    try {
      // A pool of its own: the storage counts on having all connections of the other one.
      const options: object = { ...dataSource.options, poolSize: 1 }
      const own = await ownDataSource(options as DataSourceOptions, prefix, settings)
      setSessionHook(own, sessionHookOf(dataSource))
      await opened.use(own, openingMs(settings))
      const runner = own.createQueryRunner('master')
      session = new LockSession(database, runner, opened, idleMs, onEnd)
      const connecting = runner.connect() as Promise<Client>
      const client = await withTimeout(connecting, settings.connectTimeoutMs, 'No connection for locks')
      const end = session.#end
      client.once('end', end)
      client.once('error', end)
      await refusePooler(client, dataSource)
      await withTimeout(refuseGalera(runner), settings.connectTimeoutMs, 'The check of the server')
      await withTimeout(callSessionHook(runner), settings.connectTimeoutMs, 'The set-up of the session')
      await session.#run(advisory.endWhenIdle(idleMs))
      return session
    } catch (cause) {
      if (session === undefined) await opened.abandon()
      else await session.close()
      const { code, message } = toStorageError(cause)
      if (code === 'E_UNSUPPORTED') throw cause
      throw new StorageError('E_STORAGE_UNAVAILABLE', message, { cause })
    }
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** The answer's `got`. Rejects with `StorageError`s; one that leaves the answer in doubt ends the session. */
  async ask(question: Statement): Promise<boolean> {
    const [row] = await this.#run(question)
    const got = row?.['got']
    return got === true || Number(got) === 1
  }

  async close(): Promise<void> {
    this.#end()
    await this.#opened.abandon()
  }

  async #ping(): Promise<void> {
    await this.#run(statement('SELECT 1')).catch(() => undefined)
  }

  /** One after the other: what is asked at once may not be answered in time. */
  #run(question: Statement): Promise<readonly Row[]> {
    const running = this.#last.then(() => this.#runNow(question))
    this.#last = running.catch(() => undefined)
    return running
  }

  async #runNow(question: Statement): Promise<readonly Row[]> {
    if (this.#isOver) throw new StorageError('E_STORAGE_UNAVAILABLE', 'The connection for locks has ended')
    try {
      const running = this.#dialect.run(this.#runner, question)
      return (await withTimeout(running, this.#limitMs, 'A query about a lock')).rows
    } catch (cause) {
      const error = toStorageError(cause)
      // Otherwise the server might hold a lock that nobody here knows of.
      if (isConnectionLost(error) || isInDoubt(error) || isUnknown(error)) this.#end()
      throw error
    }
  }

  readonly #end = (): void => {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#timer)
    this.#dialect.discard(this.#runner).catch(() => undefined)
    void this.#opened.abandon()
    this.#onEnd()
  }
}

/** Rejects with `E_UNSUPPORTED` where the session is not this connection's own. */
async function refusePooler(client: object, { driver, options }: DataSource): Promise<void> {
  if (options.type !== 'postgres') return
  const { master } = driver as unknown as { readonly master: PostgresPool }
  const isPooled = await isTransactionPooled(client as PostgresSession, master)
  if (isPooled === false) return
  if (isPooled === undefined) {
    throw new StorageError(
      'E_STORAGE_UNAVAILABLE',
      'A pooler is in front of PostgreSQL, and its mode could not be found out, because the pool of the storage had ' +
        'no free connection or the server did not answer withTimeout a second: try again, or open the storage of the ' +
        'SqlLock past the pooler',
    )
  }
  throw new StorageError(
    'E_UNSUPPORTED',
    'A pooler in transaction mode is in front of PostgreSQL, where a connection cannot hold advisory locks: ' +
      'open the storage of the SqlLock past the pooler, or use MemcacheLock',
  )
}
