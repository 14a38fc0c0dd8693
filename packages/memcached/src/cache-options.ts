import {
  booleanOption,
  checkOptions,
  notAllowed,
  numberOption,
  objectOption,
  optionTable,
  signalOption,
  typedOption,
  wrongType,
  type Option,
  type OptionTable,
} from '@larder/storage-core/base'
import { isCasToken, type CallOptions, type CasToken } from './cache.js'

const CALL = { signal: signalOption(), routeBy: routeOption(), batch: objectOption() }
const TTL = { ttlMs: numberOption({ above: 0, isUnlimited: true }) }

/** The options of the commands of a `Cache`. */
export const CALL_OPTIONS = optionTable(CALL)
export const READ_OPTIONS = optionTable({ ...CALL, withoutToken: booleanOption(false) })
export const STORE_OPTIONS = optionTable({
  ...CALL,
  ...TTL,
  flags: numberOption({ min: 0, max: 0xffff_ffff, isInteger: true }),
})
export const DELETE_OPTIONS = optionTable({
  ...CALL,
  cas: typedOption<CasToken>('a token of a read', isCasToken),
})
export const ARITHMETIC_OPTIONS = optionTable({
  ...CALL,
  ...TTL,
  initial: typedOption('a bigint', (value): value is bigint => typeof value === 'bigint'),
})

/** For commands to the servers themselves. */
export const SERVER_OPTIONS = optionTable({ signal: CALL.signal })

/** Up to 30 days: more would be read as a Unix time (protocol.txt, "flush_all"). */
export const FLUSH_DELAY = numberOption({ min: 0, max: 30 * 86_400_000 }, 0)

export function checkTopic(topic: unknown): void {
  if (typeof topic !== 'string') throw wrongType('topic', 'text', topic)
  if (!/^[a-z_]{0,50}$/.test(topic)) throw notAllowed('topic', "a topic of memcached's `stats`", topic)
}

/** Throws a `TypeError` or `RangeError` for options that the command does not take. */
export function checkCall(command: string, table: OptionTable, options: CallOptions | undefined): void {
  if (options !== undefined) checkOptions(command, table, options)
}

export function checkToken(token: CasToken): void {
  if (!isCasToken(token)) throw wrongType('token', 'a token of a read', token)
}

export function checkList(name: string, list: readonly unknown[]): void {
  if (!Array.isArray(list)) throw wrongType(name, 'a list', list)
}

export function checkReader(as: unknown): void {
  if (typeof as !== 'function') throw wrongType('as', 'a function', as)
}

function routeOption(): Option<string | number> {
  const takes = 'text or an integer from 0 to 2^53 - 1'
  return {
    takes,
    fallback: undefined,
    check(value, name) {
      if (typeof value === 'string') return value
      if (typeof value !== 'number') throw wrongType(name, takes, value)
      if (!Number.isSafeInteger(value) || value < 0) throw notAllowed(name, takes, value)
      return value
    },
  }
}
