/**
 * Runs `work` for each item, at most `limit` at a time, and resolves when all are done. After a rejection no other
 * begins; it is passed on once those that run are done.
 */
export async function sideBySide<T>(
  items: readonly T[],
  limit: number,
  work: (item: T, i: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const runLane = async () => {
    try {
      for (let i = next++; i < items.length; i = next++) await work(items[i] as T, i)
    } catch (error) {
      next = items.length
      throw error
    }
  }
  const lanes = Array.from({ length: Math.min(limit, items.length) }, runLane)
  await Promise.allSettled(lanes)
  await Promise.all(lanes)
}
