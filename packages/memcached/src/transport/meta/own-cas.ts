import type { MetaReply } from '../../protocol/index.js'

/**
 * A number has 15 digits: exact in a double, so that neither side of the wire needs a BigInt for each store. The first 9
 * are random, and the rest is counted: making 15 random digits takes six times as long.
 */
const SMALLEST_RANDOM = 1e8
const RANDOM_COUNT = 9e8
const FIRST_COUNTED = 1e5
const LAST_COUNTED = 999_999
/** memcached 1.6.27 is the first that knows the flag. */
const MINOR = 6
const PATCH = 27
/**
 * What memcached answers to a flag that it does not know, the longer one to `ma`. It knows the size by then, drops
 * the value, and executes nothing (`_meta_flag_preparse` in `process_mset_command`).
 */
const INVALID_FLAG = /^CLIENT_ERROR invalid (?:or duplicate )?flag$/

/** Who chooses CAS numbers. `'auto'`: the client, where the server says that it is new enough. */
export type OwnCasNumbers = 'auto' | 'always' | 'never'

/** `'tried'`: the client chooses, until the server refuses such a store. */
export type OwnCas = 'off' | 'tried' | 'required'

let random = ''
let counted = LAST_COUNTED

/**
 * The flag that gives what is stored a CAS number of 15 digits (protocol.txt, "Meta Set", `E`) that no other store has:
 * a server that restarts does not give it out again, even where a middleman keeps the connections.
 */
export function ownCasFlag(): string {
  if (counted >= LAST_COUNTED) {
    random = ` E${SMALLEST_RANDOM + Math.floor(Math.random() * RANDOM_COUNT)}`
    counted = FIRST_COUNTED
  }
  return `${random}${counted++}`
}

/** Whether a server that answers `version` with this line knows the flag. Products with numbers of their own do not. */
export function knowsOwnCas(line: string): boolean {
  const [, minor, patch] = /^VERSION 1\.(\d+)\.(\d+)(?!\d)/.exec(line) ?? []
  if (minor === undefined) return false
  return Number(minor) > MINOR || (Number(minor) === MINOR && Number(patch) >= PATCH)
}

/** Whether a store was not executed because a server behind the one that told its version does not know the flag. */
export function isFlagRefusal(reply: MetaReply): boolean {
  return reply.code === 0 && INVALID_FLAG.test(reply.line())
}
