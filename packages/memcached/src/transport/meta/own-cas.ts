import type { MetaReply } from '../../protocol/meta/reply.js'

/** Of 15 digits: exact in a double, so that neither side of the wire needs a BigInt for each store. */
const SMALLEST = 1e14
const COUNT = 9e14
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

/**
 * The flag that gives what is stored a random CAS number of 15 digits (protocol.txt, "Meta Set", `E`): a server that
 * restarts does not give it out again, even where a middleman keeps the connections.
 */
export function ownCasFlag(): string {
  return ` E${SMALLEST + Math.floor(Math.random() * COUNT)}`
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
