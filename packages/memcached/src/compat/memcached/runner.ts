import { isStorageError } from '@larder/storage-core/base'
import { EventEmitter } from 'node:events'
import type { CacheItem } from '../../cache.js'
import { wireKeyOf } from '../../client/index.js'
import type { KeyCommand, ResultOf, WireKey } from '../../transport/index.js'
import type { ExactServer } from '../exact-server.js'
import type { ServerIssues } from './issues.js'
import type { Config } from './options.js'
import { refusalOf, VALIDATE, wireKey, type Query } from './query.js'
import { addressFor, Servers, type Location } from './servers.js'
import { decodeItem } from './values.js'

/** Of commands whose outcome is unknown. */
const UNANSWERED: readonly string[] = ['E_CACHE_UNAVAILABLE', 'E_CLOSED', 'E_OVERLOADED', 'E_TIMEOUT']

/** A query about one key. */
export type KeyQuery = Query & { readonly key: string }

/** What a server's answer means to the caller. */
export interface Outcome {
  readonly error?: Error
  readonly data: unknown
}

/** Of commands to several servers. `this` is nothing. */
export type ListCallback<E, T> = (this: void, error: E | undefined, data: T) => void

type Ask = (server: ExactServer) => Promise<Outcome>

/** Executes commands: checks them, chooses the server, and calls back once, with the command as `this`. */
export abstract class Runner extends EventEmitter {
  /** Commands that have not called back yet. */
  activeQueries = 0
  readonly #config: Config
  readonly #servers: Servers

  protected constructor(location: Location | undefined, config: Config) {
    super()
    this.#config = config
    this.#servers = new Servers(location, config, (event, details) => this.emit(event, details))
  }

  get servers(): readonly string[] {
    return this.#servers.names
  }

  get namespace(): string {
    return this.#config.namespace
  }

  /** What became of servers that failed, by address. */
  get issues(): Readonly<Record<string, ServerIssues>> {
    return this.#servers.issues
  }

  /** Closes all connections. Commands in flight call back with an error; later ones connect anew. */
  end(): void {
    this.#servers.end()
  }

  protected get maxValue(): number {
    return this.#config.maxValue
  }

  /** Bad arguments and unavailable servers call back at once, as in npm `memcached`. */
  protected run(query: Query, ask: Ask, at?: string): void {
    this.activeQueries++
    const { maxQueueSize } = this.#config
    const isFull = maxQueueSize > 0 && this.activeQueries > maxQueueSize
    const refusal = isFull ? new Error('over queue limit') : refusalOf(query, this.#config)
    if (refusal !== undefined) return this.#finish(query, { error: refusal, data: undefined })
    const address = at ?? this.#servers.addressOfKey(query.key as string)
    if (address === undefined || !this.#servers.isAvailable(address))
      return this.#finish(query, { error: unavailable(address), data: undefined })
    query.start = Date.now()
    // What a callback throws is an uncaught exception, and no rejection.
    const later = (outcome: Outcome) => queueMicrotask(() => this.#finish(query, outcome))
    ask(this.#servers.at(address)).then(later, (error: unknown) =>
      later(this.#failure(address, error as Error)),
    )
  }

  protected ask<C extends KeyCommand>(
    server: ExactServer,
    { key }: KeyQuery,
    make: (key: WireKey) => C,
  ): Promise<ResultOf<C>> {
    return server.ask(wireKey(key, this.#config), make)
  }

  protected read<T>(
    server: ExactServer,
    query: KeyQuery,
    as: (item: CacheItem) => T,
  ): Promise<T | undefined> {
    return this.ask(server, query, (key) => ({ kind: 'get', key, as, exptime: undefined }) as const)
  }

  /** The values of several keys, of the servers that have them, under the callers' keys. */
  protected async readAll(
    keys: readonly string[],
  ): Promise<{ errors: readonly Error[]; found: Record<string, unknown> }> {
    const groups = new Map<string | undefined, string[]>()
    for (const key of new Set(keys)) {
      const address = this.#servers.addressOfKey(this.namespace + key)
      groups.set(address, [...(groups.get(address) ?? []), key])
    }
    const errors: Error[] = []
    const found: (readonly [string, unknown])[] = []
    const asked = Array.from(groups, async ([address, group]) => {
      try {
        found.push(...(await this.#readGroup(address, group, errors)))
      } catch (error) {
        errors.push(error as Error)
      }
    })
    await Promise.all(asked)
    return { errors, found: Object.fromEntries(found) }
  }

  /** Asks every server, and calls back with their answers and the last error. */
  protected each<T>(
    callback: ListCallback<Error, T[]> | undefined,
    ask: (server: ExactServer, address: string) => Promise<T>,
  ): void {
    const askOne = async (address: string): Promise<{ error: Error } | { data: T }> => {
      if (!this.#servers.isAvailable(address)) return { error: unavailable(address) }
      try {
        return { data: await ask(this.#servers.at(address), address) }
      } catch (error) {
        this.#servers.report(address, error)
        return { error: error as Error }
      }
    }
    void Promise.all(this.servers.map((name) => askOne(addressFor(name)))).then((answers) => {
      const errors = answers.flatMap((answer) => ('error' in answer ? [answer.error] : []))
      const found = answers.flatMap((answer) => ('data' in answer ? [answer.data] : []))
      queueMicrotask(() => callback?.(errors.at(-1), found))
    })
  }

  async #readGroup(
    address: string | undefined,
    keys: readonly string[],
    errors: Error[],
  ): Promise<(readonly [string, unknown])[]> {
    const full = keys.map((key) => this.namespace + key)
    const query: Query = {
      type: 'get',
      key: full,
      command: 'get',
      validate: VALIDATE.keys,
      callback: undefined,
    }
    const refusal = refusalOf(query, this.#config)
    if (refusal !== undefined) throw refusal
    if (address === undefined || !this.#servers.isAvailable(address)) throw unavailable(address)
    const wires = full.map((key) => wireKeyOf(wireKey(key, this.#config)))
    const { items, failed } = await this.#servers.at(address).getMulti(wires)
    for (const error of new Set(failed.values())) {
      this.#servers.report(address, error)
      errors.push(error)
    }
    return keys.flatMap((key, i) => {
      const item = items.get(wires[i]?.text ?? '')
      return item === undefined ? [] : [[key, decodeItem(item)] as const]
    })
  }

  #failure(address: string, error: Error): Outcome {
    this.#servers.report(address, error)
    if (isUnanswered(error)) return { error, data: undefined }
    // npm memcached quotes the server without its own words around it.
    const [, quoted] = /CLIENT_ERROR (.*)$/.exec(error.message) ?? []
    return { error: quoted === undefined ? error : new Error(quoted, { cause: error }), data: false }
  }

  #finish(query: Query, { error, data }: Outcome): void {
    this.activeQueries--
    if (query.start !== undefined) query.execution = Date.now() - query.start
    if (typeof query.callback === 'function') query.callback.call(query, error, data)
  }
}

function unavailable(address: string | undefined): Error {
  return new Error(`Server at ${address ?? ''} not available`)
}

function isUnanswered(error: Error): boolean {
  return isStorageError(error) && UNANSWERED.includes(error.code)
}
