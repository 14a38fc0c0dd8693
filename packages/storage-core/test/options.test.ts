import {
  booleanOption,
  checkOptions,
  choiceOption,
  durationOption,
  functionOption,
  groupOption,
  numberOption,
  objectOption,
  optionTable,
  resolveOptions,
  signalOption,
  type OptionsOf,
} from '@larder/storage-core/base'
import { describe, expect, expectTypeOf, test } from 'vitest'

const TABLE = optionTable({
  timeoutMs: durationOption(500),
  share: numberOption({ min: 0, max: 1 }, 0.1),
  port: numberOption({ min: 1, max: 65_535, isInteger: true }),
  maxBytes: numberOption({ min: 0, isUnlimited: true }, Infinity),
  unfitKeys: choiceOption(['refuse', 'hash'], 'refuse'),
  listen: booleanOption(true),
  now: functionOption<() => number>(() => 1),
  tls: objectOption<{ ca?: string }>(),
  signal: signalOption(),
  routing: groupOption(optionTable({ hash: choiceOption(['md5', 'crc'], 'md5'), seed: numberOption({}) })),
})
type Options = OptionsOf<typeof TABLE>

const resolve = (options?: unknown) => resolveOptions('A thing', TABLE, options)

describe('resolving options', () => {
  test('a missing and an undefined option have the default', () => {
    expect(resolve()).toEqual(resolve({ timeoutMs: undefined, routing: undefined }))
    const { timeoutMs, share, port, maxBytes, unfitKeys, listen, now, tls, signal, routing } = resolve({})
    expect([timeoutMs, share, port, maxBytes, unfitKeys, listen]).toEqual([
      500,
      0.1,
      undefined,
      Infinity,
      'refuse',
      true,
    ])
    expect([now(), tls, signal, routing]).toEqual([1, undefined, undefined, undefined])
  })

  test('a group that is given has all of its options', () => {
    expect(resolve({ routing: {} }).routing).toEqual({ hash: 'md5', seed: undefined })
    expect(resolve({ routing: { hash: 'crc' } }).routing?.hash).toBe('crc')
  })

  test('the result is frozen and shares nothing with the options', () => {
    const given = { timeoutMs: 1 }
    const resolved = resolve(given)
    given.timeoutMs = 2
    expect(resolved.timeoutMs).toBe(1)
    expect(Object.isFrozen(resolved)).toBe(true)
  })

  test('a signal of another realm is one too', () => {
    const foreign = { aborted: false, addEventListener: () => undefined }
    expect(resolve({ signal: foreign }).signal).toBe(foreign)
  })
})

test.each<[string, unknown, typeof TypeError | typeof RangeError, string]>([
  [
    'a wrong type of a duration',
    { timeoutMs: '5' },
    TypeError,
    '`timeoutMs` must be a number above 0 and of at most 2147483647, got text',
  ],
  [
    'no number',
    { timeoutMs: NaN },
    RangeError,
    '`timeoutMs` must be a number above 0 and of at most 2147483647, got NaN',
  ],
  [
    'a duration of 0',
    { timeoutMs: 0 },
    RangeError,
    '`timeoutMs` must be a number above 0 and of at most 2147483647, got 0',
  ],
  [
    'more than a timer holds',
    { timeoutMs: 2 ** 31 },
    RangeError,
    '`timeoutMs` must be a number above 0 and of at most 2147483647, got 2147483648',
  ],
  ['more than the largest', { share: 1.5 }, RangeError, '`share` must be a number from 0 to 1, got 1.5'],
  ['a fraction', { port: 1.5 }, RangeError, '`port` must be an integer from 1 to 65535, got 1.5'],
  ['a bigint', { port: 5n }, TypeError, '`port` must be an integer from 1 to 65535, got 5n'],
  [
    'less than the smallest',
    { maxBytes: -1 },
    RangeError,
    '`maxBytes` must be a number of at least 0, got -1',
  ],
  ['another choice', { unfitKeys: 'foo' }, RangeError, "`unfitKeys` must be 'refuse' or 'hash', got 'foo'"],
  ['no choice', { unfitKeys: null }, TypeError, "`unfitKeys` must be 'refuse' or 'hash', got null"],
  [
    'a name of every object',
    { unfitKeys: 'toString' },
    RangeError,
    "`unfitKeys` must be 'refuse' or 'hash', got 'toString'",
  ],
  ['no boolean', { listen: 1 }, TypeError, '`listen` must be true or false, got 1'],
  ['no function', { now: {} }, TypeError, '`now` must be a function, got an object'],
  ['a list for an object', { tls: [] }, TypeError, '`tls` must be an object, got a list'],
  ['no signal', { signal: {} }, TypeError, '`signal` must be an AbortSignal, got an object'],
  ['no group', { routing: 'md5' }, TypeError, '`routing` must be an object of options, got text'],
  [
    'a wrong option of a group',
    { routing: { hash: 'sha' } },
    RangeError,
    "`routing.hash` must be 'md5' or 'crc', got 'sha'",
  ],
  [
    'a long text',
    { unfitKeys: 'x'.repeat(61) },
    RangeError,
    "`unfitKeys` must be 'refuse' or 'hash', got text of 61 characters",
  ],
  ['a symbol', { listen: Symbol('s') }, TypeError, '`listen` must be true or false, got a symbol'],
  [
    'an unknown name',
    { timeoutMS2: 1 },
    TypeError,
    'A thing has no option "timeoutMS2"; did you mean "timeoutMs"?',
  ],
  [
    'an unknown name of a group',
    { routing: { hsah: 1 } },
    TypeError,
    'A thing has no option "routing.hsah"; did you mean "routing.hash"?',
  ],
  [
    'a name of every object as an option',
    { constructor: 1 },
    TypeError,
    'A thing has no option "constructor"; it has timeoutMs, share, port, maxBytes, unfitKeys, listen, now, tls, signal, routing',
  ],
  [
    'an unknown name without a value',
    { abcdefg: undefined },
    TypeError,
    'A thing has no option "abcdefg"; it has timeoutMs, share, port, maxBytes, unfitKeys, listen, now, tls, signal, routing',
  ],
  ['text', 'localhost', TypeError, 'A thing takes an object of options, got text'],
  ['a function', () => 1, TypeError, 'A thing takes an object of options, got a function'],
  ['null', null, TypeError, 'A thing takes an object of options, got null'],
  ['a list', [], TypeError, 'A thing takes an object of options, got a list'],
])('%s is refused by name', (_name, options, kind, message) => {
  expect(() => resolve(options)).toThrow(kind)
  expect(() => resolve(options)).toThrow(message)
  if (options !== undefined) expect(() => checkOptions('A thing', TABLE, options)).toThrow(message)
})

test('a getter that throws is a TypeError without its error', () => {
  const options = {
    get timeoutMs(): number {
      throw new Error('secret')
    },
  }
  expect(() => resolve(options)).toThrow(new TypeError('`timeoutMs` cannot be read'))
})

test('the types of given and resolved options come from the table', () => {
  expectTypeOf<Options['timeoutMs']>().toEqualTypeOf<number | undefined>()
  expectTypeOf<Options['unfitKeys']>().toEqualTypeOf<'refuse' | 'hash' | undefined>()
  expectTypeOf<NonNullable<Options['routing']>['hash']>().toEqualTypeOf<'md5' | 'crc' | undefined>()
  const resolved = resolve()
  expectTypeOf(resolved.timeoutMs).toEqualTypeOf<number>()
  expectTypeOf(resolved.port).toEqualTypeOf<number | undefined>()
  expectTypeOf(resolved.unfitKeys).toEqualTypeOf<'refuse' | 'hash'>()
  expectTypeOf(resolved.routing?.seed).toEqualTypeOf<number | undefined>()
  // @ts-expect-error: no such choice
  const wrong: Options = { unfitKeys: 'foo' }
  // @ts-expect-error: no such option
  const unknown: Options = { unfitKey: 'hash' }
  expect([wrong, unknown]).toHaveLength(2)
})
