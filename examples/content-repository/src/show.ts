import { isStorageError } from '@larder/storage-core'
import type { MemcacheStorage } from '@larder/storage-memcache'
import { digestOf, entryCodec, type FileEntry, newEntry, STREAM_FROM_BYTES } from './file-entry.js'
import type { Work } from './meter.js'
import { countText, nameText, timeText } from './text.js'

/** Two users of one collection, each with connections of its own. */
export interface Stage {
  readonly collection: string
  readonly first: MemcacheStorage
  readonly second: MemcacheStorage
  readonly signal: AbortSignal
  readonly say: (step: string, text: string) => void
}

/** A small text, so that the edit can be read by people. */
export function pickForEdit(files: readonly FileEntry[]): FileEntry | undefined {
  const small = files.filter(({ size }) => size > 0 && size <= STREAM_FROM_BYTES)
  const isText = ({ mediaType }: FileEntry): boolean => mediaType.startsWith('text/')
  return small.find(({ name }) => name.endsWith('.md')) ?? small.find(isText) ?? small[0] ?? files[0]
}

export async function showListing(
  { first, collection, signal, say }: Stage,
  step: string,
): Promise<Work<void>> {
  const names = [...(await first.ls(collection, { signal })).keys()]
  const [sample = ''] = names
  say(step, `${countText(names.length)} resources; the first one is ${nameText(sample)}`)
  return { result: undefined, operations: 1 }
}

/** The second client writes on the ground of what the first has read; the first sees it with its next read. */
export async function showEdit(stage: Stage, { name }: FileEntry): Promise<Work<void>> {
  const { first, second, collection, signal, say } = stage
  const info = first.info(collection, name)
  const before = await first.getContent(info, { signal })
  const content = Buffer.concat([before.bytes, Buffer.from('\nThis line was added by a second client.\n')])
  const entry = newEntry(name, content.length, digestOf(content), new Date())
  const written = await second.put(
    info,
    { content, metadata: entryCodec.encode(entry).bytes },
    { ifMatch: { content: before.etag }, signal },
  )
  const writtenAt = performance.now()
  const after = await first.getContent(info, { signal })
  const ms = performance.now() - writtenAt
  if (after.version !== written.version || !after.bytes.equals(content))
    throw new Error('The edit was not seen')
  say('edit', `${nameText(name)}, as stored: the second client wrote version ${written.version}`)
  say('', `${timeText(ms)} later the first one had read version ${after.version}`)
  say('', `a write based on version ${before.version}: ${await outcomeOfLateWrite(stage, name, before.etag)}`)
  return { result: undefined, operations: 4 }
}

async function outcomeOfLateWrite(
  { first, collection, signal }: Stage,
  name: string,
  etag: string,
): Promise<string> {
  try {
    await first.putContent(first.info(collection, name), 'too late', { ifMatch: etag, signal })
    return 'written, which should not be'
  } catch (error) {
    if (isStorageError(error, 'E_PRECONDITION_FAILED')) return `refused (${error.code})`
    throw error
  }
}

/** What the second client removes is gone for the first, from its reads and from its listing. */
export async function showRemoval(stage: Stage, { name }: FileEntry): Promise<Work<void>> {
  const { first, second, collection, signal, say } = stage
  const info = second.info(collection, name)
  await second.remove(info, { signal })
  const [content] = await first.getMany([info], { signal })
  const names = await first.ls(collection, { signal })
  if (content !== undefined || names.has(name)) throw new Error('The removal was not seen')
  say('removal', `${nameText(name)}, as stored: the second client removed it`)
  say('', `gone for the first one; listed are ${countText(names.size)} resources`)
  return { result: undefined, operations: 3 }
}
