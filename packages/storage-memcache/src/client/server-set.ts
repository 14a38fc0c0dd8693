import { isStorageError } from '@larder/storage-core'
import type { ServerAnswers } from '../command-cache.js'
import { keyBytes } from '../protocol/key.js'
import type { Router } from '../routing/router.js'
import type { Transport, WireKey } from '../transport/transport.js'

/** One server of several, with the name that reports call it by. */
export interface NamedTransport {
  readonly name: string
  readonly transport: Transport
}

/** The servers, and which key is whose. */
export class ServerSet {
  readonly #servers: readonly NamedTransport[]
  readonly #router: Router

  constructor(servers: readonly NamedTransport[], router: Router) {
    this.#servers = servers
    this.#router = router
  }

  /** Checks the key and asks its server. Bad arguments reject, although what runs here may throw. */
  on<T>(key: string, run: (server: Transport, key: WireKey) => Promise<T>): Promise<T> {
    try {
      const wireKey = wireKeyOf(key)
      return run(this.#serverOf(key), wireKey)
    } catch (error) {
      const reason = error as Error
      return Promise.reject(reason)
    }
  }

  /**
   * Asks all servers of a batch at once. One that fails concerns its own members only, which are reported to
   * `onFailed`; an abort concerns the whole call.
   */
  async each<T>(
    members: readonly T[],
    keyOf: (member: T) => WireKey,
    run: (server: Transport, group: readonly T[]) => Promise<void>,
    onFailed: (member: T, error: Error) => void,
  ): Promise<void> {
    const runs = Array.from(this.#group(members, keyOf), async ([server, group]) => {
      try {
        await run(server, group)
      } catch (error) {
        if (isStorageError(error, 'E_ABORTED')) throw error
        for (const member of group) onFailed(member, error as Error)
      }
    })
    await Promise.all(runs)
  }

  /** Asks every server, and answers in their order. */
  async all<T>(run: (server: Transport) => Promise<T>): Promise<ServerAnswers<T>> {
    const answers = new Map<string, T>()
    const failed = new Map<string, Error>()
    const settled = await Promise.allSettled(this.#servers.map(({ transport }) => run(transport)))
    for (const [i, { name }] of this.#servers.entries()) {
      const result = settled[i]
      if (result?.status === 'fulfilled') answers.set(name, result.value)
      else if (isStorageError(result?.reason, 'E_ABORTED')) throw result.reason
      else failed.set(name, result?.reason as Error)
    }
    return { answers, failed }
  }

  close(): void {
    for (const { transport } of this.#servers) transport.close()
  }

  #serverOf(key: string): Transport {
    const server = this.#servers[this.#router.serverOf(key)]
    if (server === undefined) throw new Error('The router named a server that is not there')
    return server.transport
  }

  #group<T>(members: readonly T[], keyOf: (member: T) => WireKey): ReadonlyMap<Transport, T[]> {
    const groups = new Map<Transport, T[]>()
    for (const member of members) {
      const server = this.#serverOf(keyOf(member).text)
      const group = groups.get(server)
      if (group === undefined) groups.set(server, [member])
      else group.push(member)
    }
    return groups
  }
}

export function wireKeyOf(key: string): WireKey {
  return { text: key, bytes: keyBytes(key) }
}
