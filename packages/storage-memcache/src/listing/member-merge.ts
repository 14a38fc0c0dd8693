import { compareNames } from '@larder/storage-core/driver'
import type { MemberChunk } from './member-chunk.js'
import type { MemberEntry, MemberLog } from './member-log.js'

/** Puts what writers have logged into the chunks of a listing, which must come in their order. */
export class LogMerger {
  readonly #entries: readonly MemberEntry[]
  #next = 0

  constructor({ members }: MemberLog) {
    this.#entries = [...members.values()].sort((a, b) => compareNames(a.name, b.name))
  }

  /** The names up to the last of the chunk. */
  merge(chunk: MemberChunk): readonly string[] {
    const { names } = chunk
    const last = names.at(-1)
    const first = this.#entries[this.#next]
    if (first === undefined || last === undefined || compareNames(first.name, last) > 0) return names
    const merged: string[] = []
    names.forEach((name, i) => {
      for (let entry = this.#entries[this.#next]; ; entry = this.#entries[this.#next]) {
        const order = entry === undefined ? 1 : compareNames(entry.name, name)
        if (entry === undefined || order > 0) break
        this.#next++
        if (order === 0) {
          // Of two entries about one name the newer counts; the log's, where they are of the same write.
          if (entry.version >= chunk.versionAt(i) ? entry.present : true) merged.push(name)
          return
        }
        if (entry.present) merged.push(entry.name)
      }
      merged.push(name)
    })
    return merged
  }

  /** The names behind the last chunk. */
  rest(): readonly string[] {
    const rest = this.#entries.slice(this.#next)
    this.#next = this.#entries.length
    return rest.filter(({ present }) => present).map(({ name }) => name)
  }
}
