import type { CallOptions } from '../cache.js'
import type { CommandCache } from '../command-cache.js'

/** What `summary` resolves to: sums over all servers. By the names of App Engine's `get_stats`, in this library's spelling. */
export interface ServerSummary {
  /** Keys that reads found since the servers started. */
  readonly hits: number
  /** Keys that reads did not find. */
  readonly misses: number
  /**
   * Bytes that the servers have sent (`bytes_written`). memcached does not count those of hits alone, so that replies to
   * other commands and the framing are part of it.
   */
  readonly byteHits: number
  readonly items: number
  /** Bytes of all items. */
  readonly bytes: number
  /** How long ago the item was used that has gone unused the longest, in milliseconds; 0 where there is none. */
  readonly oldestItemAgeMs: number
  /** Servers that did not answer, whose figures are missing. */
  readonly failed: ReadonlyMap<string, Error>
}

type Lines = ReadonlyMap<string, string>

/** Rejects where no server answers. */
export async function summarize(cache: CommandCache, call: CallOptions | undefined): Promise<ServerSummary> {
  const [general, slabs] = await Promise.all([cache.stats('', call), cache.stats('items', call)])
  const failed = new Map([...slabs.failed, ...general.failed])
  const [error] = failed.values()
  if (general.answers.size === 0 && error !== undefined) throw error
  const servers = [...general.answers.values()]
  const sum = (name: string) => servers.reduce((total, lines) => total + Number(lines.get(name) ?? 0), 0)
  return {
    hits: sum('get_hits'),
    misses: sum('get_misses'),
    byteHits: sum('bytes_written'),
    items: sum('curr_items'),
    bytes: sum('bytes'),
    oldestItemAgeMs: Math.max(0, ...[...slabs.answers.values()].map(oldestSeconds)) * 1000,
    failed,
  }
}

/** `items:SLAB:age`: seconds since the last item of a slab class in order of use was used. */
function oldestSeconds(lines: Lines): number {
  const ages = [...lines].filter(([name]) => /^items:\d+:age$/.test(name)).map(([, age]) => Number(age))
  return Math.max(0, ...ages)
}
