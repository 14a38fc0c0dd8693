import type { CacheItem } from '@larder/memcached'
import { isStorageError } from '@larder/storage-core'
import type { Inspector } from './inspector.js'
import type { Pace } from './pace.js'
import { kindOf } from '../coherence/index.js'
import {
  chunkKey,
  decodeChunk,
  decodeEntries,
  decodeHead,
  type Head,
  logKeys,
  LogMerger,
} from '../listing/index.js'

/** Why a cached listing cannot be read to its end: not all of it is there, it is being built, or a server is silent. */
export type ListingGap = 'missing' | 'in flight' | 'unreachable'

/** How many items are fetched at once. */
const AT_ONCE = 16

/**
 * What a cached listing names, in order, read as readers do and leaving everything as it is. Returns undefined at its
 * end. Rejects with `E_CLOSED` and `E_ABORTED`.
 */
export async function* listedNames(
  inspector: Inspector,
  pace: Pace,
  headKey: string,
): AsyncGenerator<readonly string[], ListingGap | undefined, undefined> {
  const item = await reached(inspector.get(headKey))
  if (item === 'unreachable') return item
  const head = decodeHead(item)
  if (head === undefined) return 'missing'
  if (head.state !== 'ready') return 'in flight'
  const logs = await itemsOf(inspector, pace, logKeys(headKey, head), 'bucket')
  if (typeof logs === 'string') return logs
  const log = decodeEntries(...logs)
  if (log === undefined) return 'missing'
  const merger = new LogMerger(log)
  for (const keys of runsOfChunks(headKey, head)) {
    const chunks = await itemsOf(inspector, pace, keys, 'names')
    if (typeof chunks === 'string') return chunks
    for (const bytes of chunks) {
      const chunk = decodeChunk(bytes)
      if (chunk === undefined) return 'missing'
      yield merger.merge(chunk)
    }
  }
  yield merger.rest()
  return undefined
}

function* runsOfChunks(headKey: string, head: Head): Generator<readonly string[], void, undefined> {
  for (let start = 0; start < head.chunks; start += AT_ONCE) {
    const count = Math.min(AT_ONCE, head.chunks - start)
    yield Array.from({ length: count }, (_, i) => chunkKey(headKey, head, start + i))
  }
}

async function itemsOf(
  inspector: Inspector,
  pace: Pace,
  keys: readonly string[],
  kind: 'bucket' | 'names',
): Promise<readonly Buffer[] | ListingGap> {
  await pace.spend(keys.length)
  const items = await reached(Promise.all(keys.map((key) => inspector.get(key))))
  if (items === 'unreachable') return items
  const found = items.filter((item) => item !== undefined).filter((item) => kindOf(item) === kind)
  return found.length === keys.length ? found.map(({ value }) => value) : 'missing'
}

async function reached<T extends CacheItem | readonly unknown[] | undefined>(
  asking: Promise<T>,
): Promise<T | 'unreachable'> {
  try {
    return await asking
  } catch (error) {
    if (!isStorageError(error) || error.code === 'E_CLOSED') throw error
    return 'unreachable'
  }
}
