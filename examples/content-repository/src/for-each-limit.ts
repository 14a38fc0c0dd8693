/** Runs `work` for all items, so many at once; the first error stops it, and is thrown once all that run have ended. */
export async function forEachLimit<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values()
  const failures: unknown[] = []
  const runner = async (): Promise<void> => {
    for (const item of rest) {
      if (failures.length > 0) return
      try {
        await work(item)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: limit }, runner))
  if (failures.length > 0) throw failures[0]
}
