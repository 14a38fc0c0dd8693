import {
  choiceOption,
  durationOption,
  optionTable,
  resolveOptions,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'
import { channel } from 'node:diagnostics_channel'
import type { ConnectionOptions } from 'node:tls'
import { addressText, parseServers, type ServerAddress } from '../server-address.js'
import { askCluster, type ClusterConfig } from '../transport/index.js'

/** How often and how long a cluster's endpoint is asked. */
const DISCOVERY_OPTIONS = optionTable({
  /** How long after an answer the endpoint is asked again, in milliseconds. Default: 60,000. */
  intervalMs: durationOption(60_000),
  /** Within which the endpoint must answer, in milliseconds. Default: 2,000. */
  answerTimeoutMs: durationOption(2000),
  /** `'names'`: servers by their host names. `'ips'`: by their IP addresses, where the endpoint knows them. Default: `'names'`. */
  addresses: choiceOption(['names', 'ips'], 'names'),
})

/** How the list of servers is kept up to date. */
export type DiscoveryOptions = OptionsOf<typeof DISCOVERY_OPTIONS>

/** Published after each request to the endpoint, if the channel has subscribers. */
export interface DiscoveryEvent {
  readonly endpoint: string
  /** Undefined where the endpoint did not answer; the servers stay what they were. */
  readonly config: ClusterConfig | undefined
  readonly error: unknown
}

/** The name of the `node:diagnostics_channel` on which a `DiscoveryEvent` is published. */
export const DISCOVERY_CHANNEL = 'larder:memcache:discovery'
const events = channel(DISCOVERY_CHANNEL)

/** Polls a cluster's endpoint, and reports every configuration that is newer than the last. */
export class ClusterWatch {
  readonly #endpoint: ServerAddress
  readonly #options: ResolvedOptions<typeof DISCOVERY_OPTIONS>
  readonly #tls: ConnectionOptions | undefined
  #version = -1
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  /** No I/O. Bad arguments are a `RangeError` or `TypeError`. */
  constructor(endpoint: string, options: DiscoveryOptions, tls: ConnectionOptions | undefined) {
    const [address] = parseServers([endpoint])
    this.#endpoint = address as ServerAddress
    this.#options = resolveOptions('discover', DISCOVERY_OPTIONS, options)
    this.#tls = tls
  }

  /** Asks once; rejects as `askCluster`. */
  async first(): Promise<readonly string[]> {
    const { version, servers } = await this.#ask()
    this.#version = version
    return servers
  }

  /** From now on; what `apply` throws counts as a failed question. Does not keep the process alive. */
  start(apply: (servers: readonly string[]) => void): void {
    this.#timer = setTimeout(() => void this.#again(apply), this.#options.intervalMs).unref()
  }

  /** Idempotent. An answer that is on its way is not told any more. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** Another one of the same endpoint, which has told the same so far. */
  clone(): ClusterWatch {
    const watch = new ClusterWatch(addressText(this.#endpoint), this.#options, this.#tls)
    watch.#version = this.#version
    return watch
  }

  async #again(apply: (servers: readonly string[]) => void): Promise<void> {
    let config: ClusterConfig | undefined
    let error: unknown
    try {
      config = await this.#ask()
      if (!this.#isStopped && config.version > this.#version) {
        apply(config.servers)
        this.#version = config.version
      }
    } catch (reason) {
      error = reason
    }
    if (this.#isStopped) return
    const event: DiscoveryEvent = { endpoint: addressText(this.#endpoint), config, error }
    this.start(apply)
    events.publish(event)
  }

  #ask(): Promise<ClusterConfig> {
    return askCluster(this.#endpoint, this.#options.answerTimeoutMs, this.#tls, this.#options.addresses)
  }
}
