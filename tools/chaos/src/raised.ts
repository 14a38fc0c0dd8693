import type { ResourceWrite, Storage, WriteResult } from '@larder/storage-core'
import type { Program, Written } from './program.js'

/** Resources whose value is a number that is only ever raised by one, on the condition that nobody else has. */
export const COUNTERS = { collection: 'counters', names: ['x', 'y'] } as const
/** Two such numbers, which are only ever raised together. */
export const PAIR = { collection: 'pair', names: ['left', 'right'] } as const
/** A number that only programs with a table of their own raise, together with a row of it. */
export const NOTED = { collection: 'noted', names: ['n'] } as const
/** How numbers are raised: by one call, by the calls of one transaction, or by those of the program's. */
export const WAYS = ['at once', 'call by call', 'within'] as const

/** `note`: what the program's own table is to have with it. */
export async function writeTogether(
  { storage, program }: { readonly storage: Storage; readonly program: Program | undefined },
  writes: readonly ResourceWrite[],
  way: (typeof WAYS)[number],
  note: string | undefined,
): Promise<Written> {
  if (way === 'within' && program !== undefined)
    return program.write(storage, note, (tx) => putAll(tx, writes))
  if (way !== 'at once') {
    const { value, cacheInvalidated } = await storage.transaction((tx) => putAll(tx, writes))
    return { results: value, cacheInvalidated }
  }
  const [only, ...others] = writes
  const results =
    only === undefined || others.length > 0 ? await storage.writeMany(writes) : await putAll(storage, [only])
  return { results, cacheInvalidated: true }
}

async function putAll(storage: Storage, writes: readonly ResourceWrite[]): Promise<WriteResult[]> {
  const results: WriteResult[] = []
  for (const { info, content, ifMatch, ifNoneMatch } of writes)
    results.push(await storage.putContent(info, content ?? '', { ifMatch, ifNoneMatch }))
  return results
}
