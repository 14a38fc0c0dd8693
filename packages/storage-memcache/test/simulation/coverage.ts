import { AsyncLocalStorage } from 'node:async_hooks'
import type { StoredItem } from './item-store.js'

/** Who is at work: a call of the storage, or what runs behind its back. */
export type Role = 'reader' | 'writer' | 'relay' | 'lister'

const roles = new AsyncLocalStorage<Role>()
let isWatched = false

/** Telling who does what costs half as much again as doing it, so that most runs do without. */
export function watchRoles(watch: boolean): void {
  isWatched = watch
  if (!watch) roles.disable()
}

export function asRole<T>(role: Role, work: () => T): T {
  return isWatched ? roles.run(role, work) : work()
}

export function currentRole(): Role {
  return roles.getStore() ?? 'reader'
}

const SIGNATURE = 0x4c44_5200
/** As `entry.ts` numbers them, from 1 on. */
const KINDS = ['value', 'absent', 'split', 'lease', 'mark', 'head', 'log', 'record', 'names'] as const
/** Set beside the kind of a value that says until when it is fresh. */
const STAMPED = 0x80

export type ItemKind = (typeof KINDS)[number] | 'none' | 'piece'

export function kindOf(item: { readonly flags: number } | undefined): ItemKind {
  if (item === undefined) return 'none'
  return KINDS[(item.flags & ~STAMPED) - SIGNATURE - 1] ?? 'piece'
}

/** What the database holds of a part: told by whoever commits. */
export interface Committed {
  readonly version: number
}

/** The state of a key, with whether it is older than the database. */
export function stateOf(
  item: Pick<StoredItem, 'flags' | 'value'> | undefined,
  committed: Committed | undefined,
): string {
  const kind = kindOf(item)
  if (item === undefined) return kind
  switch (kind) {
    case 'value':
    case 'split':
    case 'absent': {
      const version = item.value.length < 16 ? 0 : item.value.readDoubleBE(0)
      if (version === 0) return `${kind} of unknown age`
      return version < (committed?.version ?? 0) ? `old ${kind}` : kind
    }
    case 'head':
      return item.value.toString('latin1').split(' ')[0] ?? kind
    default:
      return kind
  }
}

/** How often which step met which state. Counts can be added up over runs and threads. */
export class Coverage {
  readonly #counts = new Map<string, number>()

  visit(step: string, state: string, times = 1): void {
    const cell = `${step}|${state}`
    this.#counts.set(cell, (this.#counts.get(cell) ?? 0) + times)
  }

  add(cells: Iterable<readonly [string, number]>): void {
    for (const [cell, times] of cells) this.#counts.set(cell, (this.#counts.get(cell) ?? 0) + times)
  }

  count(step: string, state: string): number {
    return this.#counts.get(`${step}|${state}`) ?? 0
  }

  cells(): [string, number][] {
    return [...this.#counts]
  }
}
