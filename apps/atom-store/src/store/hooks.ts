import type { EntryRecord } from '../atom/index.js'
import { rangeHolds } from '../media-type.js'
import { Problem } from '../problem.js'

/** What is about to be done, or was. */
export interface HookEvent {
  readonly collection: string
  /** Undefined before a creation. */
  readonly name: string | undefined
  /** `application/atom+xml;type=entry`, or that of the media. */
  readonly mediaType: string
  /** Who is signed in. */
  readonly user: string | undefined
  /** As it is about to be stored; where it is removed, as it was stored. */
  readonly entry: EntryRecord
}

type Before = (event: HookEvent) => Promise<string | void> | string | void
type Act = (event: HookEvent) => Promise<void> | void

/**
 * Functions of a user's. What a `before` or an `after` throws stops the operation, and nothing of it is stored; a
 * `Problem` is the answer, any other error a 500. All may run again where somebody else has written meanwhile.
 */
export interface Hooks {
  /** Media ranges that they are for. Default: all. */
  readonly types?: readonly string[] | undefined
  /** Names of the collections that they are for. Default: all. */
  readonly collections?: readonly string[] | undefined
  /** May return another entry, in XML, to be stored in the place of the client's. */
  readonly beforeCreate?: Before | undefined
  readonly beforeUpdate?: Before | undefined
  readonly beforeDelete?: Act | undefined
  /** In the transaction, once the row is written, before the commit: must be quick, and not call the store. */
  readonly afterCreate?: Act | undefined
  readonly afterUpdate?: Act | undefined
  readonly afterDelete?: Act | undefined
  /** Told why an operation failed; what it throws itself is passed over. */
  readonly onError?: ((event: HookEvent, error: unknown) => Promise<void> | void) | undefined
}

export type Action = 'Create' | 'Update' | 'Delete'

/** Calls the hooks that are for an event, in their order. */
export class HookRunner {
  readonly #hooks: readonly Hooks[]

  constructor(hooks: readonly Hooks[]) {
    this.#hooks = hooks
  }

  /** Resolves to the entry that is to be stored: `rebuild` makes one of what a hook returns. */
  async before(
    action: Action,
    event: HookEvent,
    rebuild: (xml: string) => EntryRecord,
  ): Promise<EntryRecord> {
    let { entry } = event
    for (const hooks of this.#for(event)) {
      const replaced = await failed(() => hooks[`before${action}`]?.({ ...event, entry }))
      if (typeof replaced === 'string') entry = rebuild(replaced)
    }
    return entry
  }

  async after(action: Action, event: HookEvent): Promise<void> {
    for (const hooks of this.#for(event)) await failed(() => hooks[`after${action}`]?.(event))
  }

  async onError(event: HookEvent, error: unknown): Promise<void> {
    for (const hooks of this.#for(event)) {
      try {
        await hooks.onError?.(event, error)
      } catch {
        // The operation has failed already, and its own error counts.
      }
    }
  }

  #for({ collection, mediaType }: HookEvent): Hooks[] {
    return this.#hooks.filter(
      ({ types, collections }) =>
        (types?.some((range) => rangeHolds(range, mediaType)) ?? true) &&
        (collections?.includes(collection) ?? true),
    )
  }
}

async function failed<T>(hook: () => Promise<T> | T): Promise<T> {
  try {
    return await hook()
  } catch (cause) {
    throw cause instanceof Problem ? cause : new Problem(500, 'A hook stopped the operation', { cause })
  }
}
