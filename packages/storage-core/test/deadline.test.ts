import { MemoryStorage } from '@larder/storage-core'
import { afterEach, expect, test, vi } from 'vitest'

afterEach(() => vi.restoreAllMocks())

const never = () => new Promise<never>(() => undefined)
const LIMIT_MS = 50_000

/** The timers of more than a second that `work` starts and does not clear. */
async function timersLeftBy(work: () => Promise<unknown>): Promise<number> {
  const started = vi.spyOn(globalThis, 'setTimeout')
  const cleared = vi.spyOn(globalThis, 'clearTimeout')
  await work()
  const long = started.mock.results.filter((_, i) => Number(started.mock.calls[i]?.[1]) > 1000)
  expect(long.length).toBeGreaterThan(0)
  return long.filter(({ value }) => !cleared.mock.calls.some(([timer]) => timer === value)).length
}

test('a transaction that is aborted while its work hangs leaves no timer behind', async () => {
  const storage = new MemoryStorage()
  const abort = new AbortController()
  const left = await timersLeftBy(async () => {
    const hanging = storage.transaction(never, { signal: abort.signal, timeoutMs: LIMIT_MS })
    setImmediate(() => abort.abort())
    await expect(hanging).rejects.toMatchObject({ code: 'E_ABORTED' })
  })
  expect(left).toBe(0)
})
