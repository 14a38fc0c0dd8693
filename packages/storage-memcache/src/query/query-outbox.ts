import type { Environment } from '@larder/memcached'
import { CacheUnavailableError } from '@larder/storage-core'
import { type JournalRow, type Outbox, type OutboxTransaction } from '@larder/storage-core/driver'
import {
  choiceOption,
  noEffect,
  optionTable,
  typedOption,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'
import { hasMethods } from '../common-options.js'
import { inWaves, RELAY_OPTIONS, RelayLoop, type WhenCacheFails } from '../coherence/index.js'
import { QUERY_MARK } from '../outbox/index.js'

const BATCH = 100

/** What is to be dropped or renewed. */
export interface QueryTarget {
  readonly kind: 'entry' | 'stamp'
  readonly key: string
}

/** How a `QueryCache` invalidates in transactions. */
export const OUTBOX_OPTIONS = optionTable({
  /**
   * The database whose transactions `invalidateWith` and `tx.invalidate` join: a `SqlStorage`, a `MemcacheStorage` in
   * front of one, or a `SqlOutbox`. It stays open. Every process that has it relays what others could not invalidate.
   * Default: none.
   */
  outbox: typedOption('a storage or a SqlOutbox', isOutbox),
  /**
   * What becomes of a transaction if the cache does not answer before its commit. `'bypass'`: it is committed, and its row
   * stays for the relay. `'reject'`: it is rolled back, with `E_CACHE_UNAVAILABLE`. Default: `'bypass'`.
   */
  whenCacheFails: choiceOption<WhenCacheFails>(['bypass', 'reject'], 'bypass'),
  ...RELAY_OPTIONS,
})

/** How a `QueryCache` invalidates in transactions; durations in milliseconds. */
export type QueryOutboxOptions = OptionsOf<typeof OUTBOX_OPTIONS>
export type OutboxSettings = ResolvedOptions<typeof OUTBOX_OPTIONS>

/** Throws a `TypeError` for options that have no effect without an outbox. */
export function checkOutboxOptions(given: QueryOutboxOptions): void {
  if (given.outbox !== undefined) return
  const names = Object.keys(OUTBOX_OPTIONS) as (keyof QueryOutboxOptions)[]
  const idle = names.filter((name) => given[name] !== undefined)
  if (idle.length > 0) throw noEffect('outbox', ...idle)
}

/** What the cache is asked for. */
export interface QueryTargets {
  invalidate(target: QueryTarget): Promise<void>
  /** Rejects where its server does not answer. */
  probe(target: QueryTarget): Promise<void>
}

/** Invalidations that are rows of a transaction, and what becomes of them after its commit. */
export class QueryOutbox {
  readonly #outbox: Outbox
  readonly #prefix: string
  readonly #targets: QueryTargets
  readonly #options: OutboxSettings
  readonly #loop: RelayLoop

  constructor(
    outbox: Outbox,
    namespace: string,
    targets: QueryTargets,
    options: OutboxSettings,
    env: Environment,
  ) {
    this.#outbox = outbox
    this.#prefix = `${QUERY_MARK}${namespace} `
    this.#targets = targets
    this.#options = options
    this.#loop = new RelayLoop(options.relayIntervalMs, () => this.#relay(), env)
  }

  within(manager: object): OutboxTransaction {
    return this.#outbox.within(manager)
  }

  /** Inserts the row, and invalidates after the commit. */
  async add(tx: OutboxTransaction, targets: readonly QueryTarget[]): Promise<void> {
    if (targets.length === 0) return
    const id = await tx.journal(
      targets.map(({ kind, key }) => `${this.#prefix}${kind === 'entry' ? 'e' : 's'}${key}`),
    )
    tx.enlist({
      beforeCommit: async () => this.#probe(targets),
      afterCommit: async () => {
        await this.#invalidate(targets)
        // Should the row stay, it is relayed once more, which does no harm.
        await this.#outbox.acknowledge([id]).catch(() => undefined)
        return true
      },
    })
  }

  async #probe(targets: readonly QueryTarget[]): Promise<void> {
    if (this.#options.whenCacheFails !== 'reject') return
    await inWaves(targets, async (target) => {
      try {
        await this.#targets.probe(target)
      } catch (cause) {
        const message = 'The cache could not be told of the invalidation; nothing was written'
        throw new CacheUnavailableError(message, { key: target.key, cause })
      }
    })
  }

  async #invalidate(targets: readonly QueryTarget[]): Promise<void> {
    const ended = await inWaves(targets, (target) =>
      Promise.allSettled([this.#targets.invalidate(target)]).then(([each]) => each),
    )
    for (const each of ended) if (each.status === 'rejected') throw each.reason
  }

  /** Begins to relay, once. */
  start(): void {
    this.#loop.start()
  }

  /** Waits for the rows that are being relayed. */
  stop(): Promise<void> {
    return this.#loop.stop()
  }

  async #relay(): Promise<void> {
    const { relayAfterMs } = this.#options
    const wanted = { olderThanMs: relayAfterMs, keyPrefix: this.#prefix, limit: BATCH }
    let settled = BATCH
    while (settled === BATCH && this.#loop.isRunning) {
      settled = 0
      await this.#outbox.claim(wanted, async (rows) => {
        const done = (await inWaves(rows, (row) => this.#relayRow(row))).filter((id) => id !== undefined)
        settled = done.length
        return done
      })
    }
  }

  /** Undefined: the cache did not answer. */
  async #relayRow({ id, keys }: JournalRow): Promise<string | undefined> {
    const own = keys
      .filter((key) => key.startsWith(this.#prefix))
      .map((key) => key.slice(this.#prefix.length))
    const targets = own.map((text): QueryTarget => ({
      kind: text.startsWith('e') ? 'entry' : 'stamp',
      key: text.slice(1),
    }))
    try {
      await this.#invalidate(targets)
      return id
    } catch {
      return undefined
    }
  }
}

function isOutbox(value: unknown): value is Outbox {
  return hasMethods(value, 'within', 'acknowledge', 'claim')
}
