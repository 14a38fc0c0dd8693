import { StorageError, wrongType } from '@larder/storage-core/base'
import { checkCounter, checkDelta } from '../protocol/index.js'
import type { ClientCore } from './client-core.js'
import type { CounterOptions } from './client-options.js'
import type { CounterStep } from './lockable-items.js'

/** A checked step up or down. Bad arguments are a `RangeError` or `TypeError`. */
export function counterStep(
  core: ClientCore,
  delta: bigint,
  options: CounterOptions | undefined,
): CounterStep {
  checkDelta(delta)
  const initial = options?.initial
  return {
    delta,
    initial: initial === undefined ? undefined : checkCounter(integerOf(initial, 'initial'), 'initial'),
    flags: initial === undefined ? 0 : core.counterFlags(initial),
    ttlMs: options?.ttlMs ?? core.settings.ttlMs,
  }
}

/** A number or `bigint` that is whole; anything else is a `TypeError` or `RangeError`. */
export function integerOf(value: unknown, name: string): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value !== 'number') throw wrongType(name, 'a number or a bigint', value)
  if (Number.isSafeInteger(value)) return BigInt(value)
  throw new RangeError(`\`${name}\` must be a safe integer or a bigint, got ${value}`)
}

/** As `integerOf`, for a delta of a command that has a direction already. */
export function distanceOf(delta: unknown): bigint {
  const value = integerOf(delta, 'delta')
  if (value >= 0n) return value
  throw new RangeError(`\`delta\` must not be negative, got ${value}: incr and decr are the two directions`)
}

/** The sum as the caller wants it. The counter has been changed also where a number cannot hold it: `E_UNSUPPORTED`. */
export function sumFor(
  sum: bigint | undefined,
  key: string,
  isBigint: boolean | undefined,
): bigint | number | undefined {
  if (sum === undefined || isBigint === true) return sum
  if (sum <= Number.MAX_SAFE_INTEGER) return Number(sum)
  const message = `The counter was changed to ${sum}, which is no safe integer: ask for it with { bigint: true }`
  throw new StorageError('E_UNSUPPORTED', message, { key })
}
