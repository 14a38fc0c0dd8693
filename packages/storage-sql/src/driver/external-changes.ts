import type { JournalRow } from '@larder/storage-core/driver'
import type { ChangeLog } from '../change-log.js'

/** Hands over, as rows of the journal, the resources whose rows were changed past the library. */
export function claimExternal(
  changes: ChangeLog,
  limit: number,
  work: (rows: readonly JournalRow[]) => Promise<readonly string[]>,
  signal: AbortSignal | undefined,
): Promise<number> {
  return changes.handle(
    { of: 'resources', limit },
    async (found) => {
      const rows = found.map(({ subject, member, listed }, index) => ({
        // Means something to this call only.
        id: `external ${index}`,
        keys: [],
        version: 0,
        external: { collection: subject, resource: member, listed },
      }))
      const done = new Set(await work(rows))
      return found.filter((_, index) => done.has(rows[index]?.id ?? ''))
    },
    signal,
  )
}
