/** A name, and the version of the write that it was seen with. */
export interface NamedVersion {
  readonly name: string
  readonly version: number
}

/**
 * A log of names: a run of entries, each saying that a name was there or not as of a version. The highest version of
 * a name wins, wherever it stands, so that entries may arrive late, twice and in any order.
 *
 * One entry: `+` or `-`, the version as a double, the length of the name as 16 bits, the name in UTF-8.
 */
export interface MemberEntry extends NamedVersion {
  readonly present: boolean
}

const FIXED_BYTES = 11
const PLUS = 0x2b
const MINUS = 0x2d

export function entryBytes(name: string): number {
  return FIXED_BYTES + Buffer.byteLength(name)
}

export function encodeEntries(entries: readonly MemberEntry[]): Buffer {
  const bytes = Buffer.allocUnsafe(entries.reduce((sum, { name }) => sum + entryBytes(name), 0))
  let offset = 0
  for (const { name, version, present } of entries) {
    bytes[offset] = present ? PLUS : MINUS
    bytes.writeDoubleBE(version, offset + 1)
    const length = bytes.write(name, offset + FIXED_BYTES)
    bytes.writeUInt16BE(length, offset + 9)
    offset += FIXED_BYTES + length
  }
  return bytes
}

export interface MemberLog {
  /** The names, each with the version of its entry and whether it is there. */
  readonly members: ReadonlyMap<string, MemberEntry>
  /** How many entries there were, superseded ones included. */
  readonly entries: number
}

/** Several logs as one. Undefined for bytes that are no whole run of entries. */
export function decodeEntries(...logs: readonly Buffer[]): MemberLog | undefined {
  const members = new Map<string, MemberEntry>()
  let entries = 0
  for (const bytes of logs) {
    for (let offset = 0; offset < bytes.length; entries++) {
      if (offset + FIXED_BYTES > bytes.length) return undefined
      const sign = bytes[offset]
      if (sign !== PLUS && sign !== MINUS) return undefined
      const version = bytes.readDoubleBE(offset + 1)
      const end = offset + FIXED_BYTES + bytes.readUInt16BE(offset + 9)
      if (end > bytes.length) return undefined
      const name = bytes.toString('utf8', offset + FIXED_BYTES, end)
      const known = members.get(name)
      if (known === undefined || known.version < version)
        members.set(name, { name, version, present: sign === PLUS })
      offset = end
    }
  }
  return { members, entries }
}

/** FNV-1a over UTF-16 units: every process must put a name into the same bucket. */
export function bucketOf(name: string, buckets: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % buckets
}
