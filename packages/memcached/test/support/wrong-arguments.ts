import { expect } from 'vitest'

/** Must occur in no message. */
export const SECRET = 'hunter2'
export const fail = (): never => {
  throw new Error(SECRET)
}
export const nothing = [undefined, null]
export const notText = [
  5,
  NaN,
  -0,
  Infinity,
  5n,
  true,
  Symbol(SECRET),
  () => SECRET,
  {},
  new Date(0),
  Promise.resolve(1),
]
export const numbers = [NaN, 0, -0, -1, -Infinity]
export const notNumbers = [null, '60', SECRET, {}, [], [60], true, 5n, Symbol(SECRET), () => 60, new Date(0)]

export const TTLS = [...numbers, ...notNumbers]
export const OPTIONS = [
  null,
  SECRET,
  60,
  [],
  true,
  Symbol(SECRET),
  () => SECRET,
  { nonsense: SECRET },
  { signal: SECRET },
  { signal: {} },
  { signal: null },
  Object.defineProperty({}, 'signal', { enumerable: true, get: fail }),
]
/** `valid`: right arguments. `wrong`: for each of them, in order, what it must not be. */
export type Method = readonly [
  name: string,
  valid: readonly unknown[],
  wrong: readonly (readonly unknown[])[],
]

/** Calls the method once for each wrong value of each argument; the others are right. */
export async function expectRefusals(target: object, [name, valid, wrong]: Method): Promise<void> {
  const method = (target as Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>)[name]!
  for (const [place, values] of wrong.entries()) {
    for (const value of values) {
      const args = valid.map((argument, i) => (i === place ? value : argument))
      const what = `${name} with ${describeArgument(value)} as argument ${place}`
      let answer: unknown
      try {
        answer = method.apply(target, args)
      } catch {
        expect.fail(`${what} throws instead of rejecting`)
      }
      const { message } = await expectRefused(what, () => answer)
      expect(message, what).toMatch(/`\w+(\[0\])?`|option|key|Key|value|bytes|flags|lags/)
    }
  }
}

/** The call throws or rejects with a `TypeError` or `RangeError` that shows no secret. */
export async function expectRefused(what: string, use: () => unknown): Promise<Error> {
  const result = await Promise.resolve()
    .then(use)
    .then(
      (done: unknown) => `resolved to ${String(done)}`,
      (error: unknown) => error,
    )
  if (!(result instanceof TypeError || result instanceof RangeError))
    expect.fail(`${what} should be refused: ${String(result)}`)
  expect(result.message, what).not.toContain(SECRET)
  return result
}

export function describeArgument(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return `${Object.prototype.toString.call(value)} of ${Reflect.ownKeys(value).map(String).join()}`
}
