import { casText } from '../../protocol/index.js'
import type { Cas, Count, KeyCommand, KeyKind, WireItem } from '../commands.js'

/** What `mg` is asked for a value with all that belongs to it. */
export const READ_FLAGS = ' v f c'

type Verb = 'mg' | 'ms' | 'md' | 'ma'

/** How a command about one key is written: its verb, and its flags with a space before each. */
type MetaRequests = {
  readonly [K in KeyKind]: {
    readonly verb: Verb
    readonly flags: (command: KeyCommand<K>) => string
  }
}

export const META_REQUESTS: MetaRequests = {
  get: { verb: 'mg', flags: ({ exptime }) => READ_FLAGS + (exptime === undefined ? '' : ` T${exptime}`) },
  state: { verb: 'mg', flags: () => ' f c' },
  // Time left, time since the last use, whether it was ever read; `u`: without a trace (protocol.txt, "Meta Get").
  peek: { verb: 'mg', flags: () => `${READ_FLAGS} t l h u` },
  set: { verb: 'ms', flags: (item) => `${itemFlags(item)} c` },
  put: { verb: 'ms', flags: itemFlags },
  add: { verb: 'ms', flags: (item) => `${itemFlags(item)} c ME` },
  replace: { verb: 'ms', flags: (item) => `${itemFlags(item)} c MR` },
  append: { verb: 'ms', flags: () => ' MA' },
  prepend: { verb: 'ms', flags: () => ' MP' },
  cas: { verb: 'ms', flags: (command) => `${itemFlags(command)} c${casFlag(command.token)}` },
  delete: { verb: 'md', flags: ({ token }) => (token === undefined ? '' : casFlag(token)) },
  touch: { verb: 'mg', flags: ({ exptime }) => ` T${exptime}` },
  count: { verb: 'ma', flags: countFlags },
}

function itemFlags({ exptime, flags }: WireItem): string {
  return `${exptime === 0 ? '' : ` T${exptime}`}${flags === 0 ? '' : ` F${flags}`}`
}

function casFlag({ high, low }: Cas['token']): string {
  return ` C${casText(high, low)}`
}

function countFlags({ delta, initial, exptime }: Count): string {
  const create = initial === undefined ? '' : ` N${exptime} J${initial}`
  return delta < 0n ? ` v MD D${-delta}${create}` : ` v D${delta}${create}`
}
