import { PART_NAMES, type PartName, StorageError } from '@larder/storage-core'
import { type PartChange } from '@larder/storage-core/driver'

/** A resource that lives in the cache alone: both parts in one item, so that one CAS changes them together. */
export interface ResourceRecord {
  readonly version: number
  readonly modifiedAtMs: number
  /**
   * Whether the listing has been told of this state. Where it says no, its writer may be dead or slow, and whoever
   * writes next tells the listing first.
   */
  readonly listed: boolean
  readonly parts: { readonly [part in PartName]?: RecordPart }
}

export interface RecordPart {
  readonly version: number
  readonly modifiedAtMs: number
  readonly size: number
  /** The bytes themselves, or where they lie if they are too many for the item. */
  readonly body: Uint8Array | { readonly bodyId: string; readonly chunkBytes: number }
}

/**
 * Where a resource lies, below it its chunks. Key generators need only give different keys, so that one of them may
 * well look like the bucket or the chunk of another: suffixes that nobody else uses keep them apart.
 */
export function recordKey(key: string): string {
  return `${key}:r`
}

export function isEmpty({ content, metadata }: ResourceRecord['parts']): boolean {
  return content === undefined && metadata === undefined
}

export function recordPart(
  change: Exclude<PartChange, 'remove'>,
  version: number,
  modifiedAtMs: number,
): RecordPart {
  if (!('bytes' in change)) throw new StorageError('E_UNSUPPORTED', 'This storage takes no streams')
  return { version, modifiedAtMs, size: change.bytes.length, body: change.bytes }
}

/** JSON for everything but the bytes, its length in front, the bytes behind in the order of the parts. */
export function encodeRecord({ version, modifiedAtMs, listed, parts }: ResourceRecord): Buffer {
  const inline: Uint8Array[] = []
  const described = PART_NAMES.flatMap((name) => {
    const part = parts[name]
    if (part === undefined) return []
    if (part.body instanceof Uint8Array) {
      inline.push(part.body)
      return [[name, part.version, part.modifiedAtMs, part.size]]
    }
    return [[name, part.version, part.modifiedAtMs, part.size, part.body.bodyId, part.body.chunkBytes]]
  })
  const head = Buffer.from(JSON.stringify([version, modifiedAtMs, described, listed ? 1 : 0]))
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(head.length)
  return Buffer.concat([length, head, ...inline])
}

/** Undefined for bytes that are no record. */
export function decodeRecord(bytes: Buffer): ResourceRecord | undefined {
  try {
    let offset = 4 + bytes.readUInt32BE(0)
    const json = bytes.toString('utf8', 4, offset)
    const [version, modifiedAtMs, described, listed] = JSON.parse(json) as Described
    const parts: { [part in PartName]?: RecordPart } = {}
    for (const [name, partVersion, partModified, size, bodyId, chunkBytes] of described) {
      const split = bodyId !== undefined && chunkBytes !== undefined ? { bodyId, chunkBytes } : undefined
      const body = split ?? bytes.subarray(offset, (offset += size))
      if (split === undefined && offset > bytes.length) return undefined
      parts[name] = { version: partVersion, modifiedAtMs: partModified, size, body }
    }
    return { version, modifiedAtMs, listed: listed === 1, parts }
  } catch {
    return undefined
  }
}

type Described = [
  version: number,
  modifiedAtMs: number,
  parts: [
    name: PartName,
    version: number,
    modifiedAtMs: number,
    size: number,
    bodyId?: string,
    chunkBytes?: number,
  ][],
  listed: 0 | 1,
]
