import {
  choiceOption,
  numberOption,
  optionTable,
  textOption,
  typedOption,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'
import type { MemcacheClient, WhenUnavailable } from '../client/index.js'

/** How a session store keeps sessions. */
export const SESSION_OPTIONS = optionTable({
  /** The client that sessions are kept with. It belongs to the program, and stays open. */
  client: typedOption('a MemcacheClient', isClient),
  /** Begins every key, behind the client's own prefix. Default: `'sess:'`. */
  keyPrefix: textOption('sess:'),
  /** How long a session without a `maxAge` of its cookie lives, in milliseconds. Default: one day. */
  ttlMs: numberOption({ above: 0 }, 86_400_000),
  /**
   * What becomes of a save when another request has saved the session since this one read it. `'merge'`: what this request
   * changed goes into what is stored; of one property that both changed, the later save stays. `'reject'`: the save
   * fails with `E_CONFLICT`. Default: `'merge'`.
   */
  onConflict: choiceOption<'merge' | 'reject'>(['merge', 'reject'], 'merge'),
  /**
   * How long a destroyed session cannot be saved again by requests that read it before, in milliseconds. Longer than the
   * longest request. Default: 10 minutes.
   */
  destroyedMs: numberOption({ above: 0 }, 600_000),
})

/** Options of the session stores; `client` is required. */
export type SessionStoreOptions = OptionsOf<typeof SESSION_OPTIONS> & { readonly client: SessionClient }
export type SessionSettings = ResolvedOptions<typeof SESSION_OPTIONS>
export type SessionClient = MemcacheClient<WhenUnavailable>

function isClient(value: unknown): value is SessionClient {
  if (typeof value !== 'object' || value === null) return false
  const { gets, cas, namespace } = value as Partial<MemcacheClient>
  return typeof gets === 'function' && typeof cas === 'function' && typeof namespace === 'function'
}
