/** Waits for all, then rejects with the first rejection, so that nothing runs on behind the caller's back. */
export async function settleAll<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises)
  return Promise.all(promises)
}

/** The same for two of different kinds. */
export async function settleBoth<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  // Heard of at once, since it may fail while the first is waited for.
  const ended = second.then(nothing, nothing)
  let result: A
  try {
    result = await first
  } catch (error) {
    await ended
    throw error
  }
  return [result, await second]
}

function nothing(): void {}

/** All of them, without a wait where none is a promise. */
export function gather<T>(results: readonly (T | Promise<T>)[]): T[] | Promise<T[]> {
  const isPending = results.some((result) => result instanceof Promise)
  return isPending ? Promise.all(results.map(async (result) => result)) : (results as T[])
}

/** So many at a time keep a connection busy. */
const WAVE = 1_000

/** As `settleAll`, 1,000 items at a time. After a wave with a rejection no other begins. */
export async function inWaves<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const wave of wavesOf(items)) {
    for (const result of await settleAll(wave.map(work))) results.push(result)
  }
  return results
}

/** The items in slices of at most 1,000. */
export function* wavesOf<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += WAVE) yield items.slice(start, start + WAVE)
}
