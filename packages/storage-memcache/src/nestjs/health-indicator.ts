import type { MemcacheClient } from '@larder/memcached'

/** What terminus takes as the result of an indicator. */
export type LarderHealth<Key extends string> = Record<
  Key,
  { readonly status: 'up' | 'down'; readonly servers: Record<string, string> }
>

/** Asks the servers for their versions: `up` where all of them answer. For `HealthCheckService` of `@nestjs/terminus`. */
export class LarderHealthIndicator {
  readonly #client: MemcacheClient

  constructor(client: MemcacheClient) {
    this.#client = client
  }

  /** Each server with its version, or with why it does not answer. Never rejects because of a server. */
  async check<const Key extends string = 'memcached'>(
    key: Key = 'memcached' as Key,
  ): Promise<LarderHealth<Key>> {
    const { answers, failed } = await this.#client.version()
    const reasons = Array.from(failed, ([server, error]) => [server, error.message] as const)
    const servers = Object.fromEntries([...answers, ...reasons])
    return { [key]: { status: failed.size === 0 ? 'up' : 'down', servers } } as LarderHealth<Key>
  }
}
