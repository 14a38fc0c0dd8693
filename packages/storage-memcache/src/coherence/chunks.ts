import type { Cache } from '@larder/memcached'
import { inWaves } from './promises.js'

/** Where the pieces of a body over the item limit lie: keys that are written once and never used again. */
export interface SplitBody {
  readonly bodyId: string
  readonly size: number
  readonly chunkBytes: number
}

function chunkKeys(key: string, { bodyId, size, chunkBytes }: SplitBody): string[] {
  return Array.from({ length: Math.ceil(size / chunkBytes) }, (_, i) => `${key}/${bodyId}/${i}`)
}

/** Resolves to whether every piece was stored. */
export async function storeChunks(
  cache: Cache,
  key: string,
  body: SplitBody,
  bytes: Uint8Array,
  ttlMs: number | undefined,
): Promise<boolean> {
  const entries = chunkKeys(key, body).map((chunkKey, i) => ({
    key: chunkKey,
    value: bytes.subarray(i * body.chunkBytes, (i + 1) * body.chunkBytes),
    ttlMs,
  }))
  return (await cache.setMulti(entries)).size === 0
}

/** The whole body, or undefined where a piece is missing. Rejects where a server does not answer. */
export async function loadChunks(
  cache: Pick<Cache, 'getMulti'>,
  key: string,
  body: SplitBody,
): Promise<Buffer | undefined> {
  const keys = chunkKeys(key, body)
  const { items, failed } = await cache.getMulti(keys)
  for (const error of failed.values()) throw error
  const chunks: Buffer[] = []
  let size = 0
  for (const chunkKey of keys) {
    const chunk = items.get(chunkKey)?.value
    if (chunk === undefined) return undefined
    chunks.push(chunk)
    size += chunk.length
  }
  return size === body.size ? Buffer.concat(chunks, size) : undefined
}

/** Whether every piece is there, without reading any. Rejects where a server does not answer. */
export async function hasChunks(cache: Cache, key: string, body: SplitBody): Promise<boolean> {
  const found = await inWaves(chunkKeys(key, body), (chunkKey) => cache.touch(chunkKey, undefined))
  return !found.includes(false)
}

/** Best effort: what stays is evicted one day, but takes the room of what is used until then. */
export async function dropChunks(cache: Cache, key: string, body: SplitBody): Promise<void> {
  await inWaves(chunkKeys(key, body), (chunkKey) => cache.delete(chunkKey).catch(() => undefined))
}
