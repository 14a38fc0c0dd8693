import type { NamedVersion } from './member-log.js'

/**
 * A run of members in order, as it was read from the storage behind. One byte says how wide the versions are and
 * whether the names are ASCII, four how many there are; the versions follow, then the names as JSON, which is the
 * quickest way to many strings.
 */
export interface MemberChunk {
  readonly names: readonly string[]
  versionAt(index: number): number
}

/** What a chunk is filled up to, in bytes. */
export const CHUNK_BYTES = 65_536

const HEADER_BYTES = 5
const ASCII = 0x80
/** JSON's quotes and comma around a name, beside its version. */
const FRAME_BYTES = 3

/** Encodes members into chunks, none of them over `maxBytes` unless by a single member. */
export function encodeChunks(members: readonly NamedVersion[], maxBytes: number): Buffer[] {
  const targetBytes = Math.min(CHUNK_BYTES, maxBytes)
  const chunks: Buffer[] = []
  let start = 0
  let bytes = HEADER_BYTES
  members.forEach(({ name }, i) => {
    const more = name.length + FRAME_BYTES + 1
    if (i > start && bytes + more > targetBytes) {
      chunks.push(...encodeWithin(members.slice(start, i), maxBytes))
      start = i
      bytes = HEADER_BYTES
    }
    bytes += more
  })
  if (start < members.length) chunks.push(...encodeWithin(members.slice(start), maxBytes))
  return chunks
}

/** The size above is a guess, which escapes and long versions can make wrong. */
function encodeWithin(members: readonly NamedVersion[], maxBytes: number): Buffer[] {
  const chunk = encodeChunk(members)
  if (chunk.length <= maxBytes || members.length < 2) return [chunk]
  const half = members.length >> 1
  return [...encodeWithin(members.slice(0, half), maxBytes), ...encodeWithin(members.slice(half), maxBytes)]
}

function encodeChunk(members: readonly NamedVersion[]): Buffer {
  const json = JSON.stringify(members.map(({ name }) => name))
  const jsonBytes = Buffer.byteLength(json)
  const width = widthOf(members)
  const head = HEADER_BYTES + members.length * width
  const chunk = Buffer.allocUnsafe(head + jsonBytes)
  chunk[0] = width | (jsonBytes === json.length ? ASCII : 0)
  chunk.writeUInt32BE(members.length, 1)
  members.forEach(({ version }, i) => {
    const offset = HEADER_BYTES + i * width
    if (width === 8) chunk.writeDoubleBE(version, offset)
    else chunk.writeUIntBE(version, offset, width)
  })
  chunk.write(json, head)
  return chunk
}

function widthOf(members: readonly NamedVersion[]): 1 | 2 | 4 | 8 {
  const most = members.reduce((max, { version }) => Math.max(max, version), 0)
  if (most < 2 ** 8) return 1
  if (most < 2 ** 16) return 2
  return most < 2 ** 32 ? 4 : 8
}

/** Undefined for bytes that are no chunk. */
export function decodeChunk(bytes: Buffer): MemberChunk | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const width = (bytes[0] ?? 0) & ~ASCII
  const isAscii = ((bytes[0] ?? 0) & ASCII) !== 0
  const head = HEADER_BYTES + bytes.readUInt32BE(1) * width
  const names = parseNames(bytes.toString(isAscii ? 'latin1' : 'utf8', head))
  if (names?.length !== bytes.readUInt32BE(1)) return undefined
  // A copy, so that who keeps the chunk does not keep its bytes.
  const versions = Buffer.from(bytes.subarray(HEADER_BYTES, head))
  const versionAt = (index: number): number =>
    width === 8 ? versions.readDoubleBE(index * width) : versions.readUIntBE(index * width, width)
  return { names, versionAt }
}

function parseNames(json: string): readonly string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(json)
    return Array.isArray(parsed) ? (parsed as string[]) : undefined
  } catch {
    return undefined
  }
}
