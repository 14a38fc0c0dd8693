import { isStorageError } from '@larder/storage-core/base'
import { addressOf, ExactServer } from '../exact-server.js'
import { ServerIssues, type IssueDetails, type IssueEvent } from './issues.js'
import type { Config } from './options.js'
import { Ring, ringServer, type RingWeight } from './ring.js'

const DEFAULT_PORT = 11211
const MAX_CONNECTIONS = 100
const DEFAULT_ITEM_LIMIT_BYTES = 1024 * 1024

/** What npm `memcached` takes as its servers. */
export type Location = string | readonly string[] | Readonly<Record<string, RingWeight>>

/** The servers of a client, and what became of them. */
export class Servers {
  /** As they were given. */
  readonly names: readonly string[]
  /** By address. */
  readonly issues: Record<string, ServerIssues> = {}
  readonly #config: Config
  readonly #emit: (event: IssueEvent, details: IssueDetails) => void
  readonly #ring: Ring
  readonly #open = new Map<string, ExactServer>()
  readonly #failOver: string[]

  /** Throws `TypeError` or `RangeError` for bad servers. */
  constructor(
    location: Location | undefined,
    config: Config,
    emit: (event: IssueEvent, details: IssueDetails) => void,
  ) {
    this.names = namesOf(location)
    this.#config = config
    this.#emit = emit
    this.#failOver = [...(config.failOverServers ?? [])]
    const { compatibility, algorithm } = config
    const weightOf = (name: string) =>
      typeof location === 'object' && !isList(location) ? location[name] : undefined
    const servers = this.names.map((name) => ringServer(name, weightOf(name), compatibility))
    this.#ring = new Ring(servers, algorithm, compatibility)
    for (const name of this.names) this.at(addressFor(name))
  }

  /** The address of the server that has a key; undefined where all servers were removed. */
  addressOfKey(key: string): string | undefined {
    const [only] = this.names
    const name = this.names.length === 1 ? only : this.#ring.serverOf(key)
    return name === undefined ? undefined : addressFor(name)
  }

  isAvailable(address: string): boolean {
    return this.issues[address]?.failed !== true
  }

  at(address: string): ExactServer {
    let server = this.#open.get(address)
    if (server === undefined) {
      server = new ExactServer(bracketed(address), this.#options())
      this.#open.set(address, server)
    }
    return server
  }

  /** Takes down that a server did not answer; other errors are no issue. */
  report(address: string, error: unknown): void {
    if (!isStorageError(error, 'E_CACHE_UNAVAILABLE') && !isStorageError(error, 'E_TIMEOUT')) return
    const issues = (this.issues[address] ??= new ServerIssues(address, {
      config: this.#config,
      emit: (event, details) => this.#onIssue(event, details),
      probe: () => this.at(address).askServer({ kind: 'version' }),
    }))
    issues.log(error.message)
  }

  /** Closes all connections. Later commands connect anew. */
  end(): void {
    for (const server of this.#open.values()) server.close()
    for (const issues of Object.values(this.issues)) issues.end()
  }

  #onIssue(event: IssueEvent, details: IssueDetails): void {
    this.#emit(event, details)
    if (event !== 'remove') return
    this.#open.get(details.server)?.close()
    const name = this.names.find((given) => addressFor(given) === details.server) ?? details.server
    const other = this.#failOver.shift()
    if (other !== undefined) return this.#ring.swap(name, other)
    this.#ring.remove(name)
    this.#emit('failure', details)
  }

  #options() {
    const { poolSize, timeout, maxValue } = this.#config
    return {
      timeoutMs: timeout,
      connectTimeoutMs: timeout,
      // Which server is left alone is decided here, by its issues.
      deadTimeoutMs: 1,
      connectionsPerServer: Math.min(Math.max(poolSize, 1), MAX_CONNECTIONS),
      holdsProcess: false,
      serverItemLimitBytes: Math.max(maxValue, DEFAULT_ITEM_LIMIT_BYTES),
    }
  }
}

/** `host:port`, or the path of a socket. */
export function addressFor(name: string): string {
  return name.startsWith('/') || /.:\d+$/.test(name) ? name : `${name}:${DEFAULT_PORT}`
}

function namesOf(location: Location | undefined): readonly string[] {
  if (location === undefined || location === '') return [`localhost:${DEFAULT_PORT}`]
  if (typeof location === 'string') return [location]
  const names = isList(location) ? location : Object.keys(location)
  return names.length === 0 && isList(location) ? [`localhost:${DEFAULT_PORT}`] : given(names)
}

function given(names: readonly string[]): readonly string[] {
  if (names.length === 0) throw new RangeError('`servers` must name at least one server')
  return [...names]
}

function isList(location: Location): location is readonly string[] {
  return Array.isArray(location)
}

function bracketed(address: string): string {
  const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? []
  return host === undefined ? address : addressOf(host, Number(port))
}
