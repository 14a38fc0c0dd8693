import { KeyedMutex } from '@larder/storage-core/driver'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('KeyedMutex', () => {
  test('serves the waiters of a key in the order in which they came', async () => {
    const mutex = new KeyedMutex()
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        mutex.run('k', async () => {
          order.push(i)
          await turn()
        }),
      ),
    )
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(mutex.size).toBe(0)
  })

  test('keys do not wait for each other', async () => {
    const mutex = new KeyedMutex()
    const release = await mutex.acquire('a')
    await mutex.run('b', async () => expect(mutex.size).toBe(2))
    release()
    expect(mutex.size).toBe(0)
  })

  test('a second release does nothing', async () => {
    const mutex = new KeyedMutex()
    const first = await mutex.acquire('k')
    const second = mutex.acquire('k')
    let third = false
    const waiting = mutex.acquire('k').then((release) => {
      third = true
      return release
    })
    first()
    const releaseSecond = await second
    first()
    await turn()
    expect(third).toBe(false)
    releaseSecond()
    const releaseThird = await waiting
    releaseThird()
    expect(mutex.size).toBe(0)
  })

  test('gives the lock back when the work fails, now or later', async () => {
    const mutex = new KeyedMutex()
    const boom = new Error('boom')
    await expect(mutex.run('k', () => Promise.reject(boom))).rejects.toBe(boom)
    const throwing = () => {
      throw boom
    }
    await expect(mutex.run('k', throwing)).rejects.toBe(boom)
    expect(await mutex.run('k', async () => 'free')).toBe('free')
    expect(mutex.size).toBe(0)
  })

  test('a waiter whose signal fires leaves the queue', async () => {
    const mutex = new KeyedMutex()
    const release = await mutex.acquire('k')
    const abort = new AbortController()
    const leaving = mutex.acquire('k', abort.signal)
    const staying = mutex.acquire('k')
    abort.abort(new Error('reason'))
    await expect(leaving).rejects.toMatchObject({ code: 'E_ABORTED', key: 'k' })
    release()
    ;(await staying)()
    expect(mutex.size).toBe(0)
  })

  test('a signal that has fired is refused before anything is taken', async () => {
    const mutex = new KeyedMutex()
    await expect(mutex.acquire('k', AbortSignal.abort())).rejects.toMatchObject({ code: 'E_ABORTED' })
    expect(mutex.size).toBe(0)
  })

  test('a signal that fires after the grant changes nothing, and is not listened to', async () => {
    const mutex = new KeyedMutex()
    const release = await mutex.acquire('k')
    const abort = new AbortController()
    const { signal } = abort
    let listening = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => (listening++, add(...args))
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (listening--, remove(...args))
    const waiting = mutex.acquire('k', signal)
    await turn()
    expect(listening).toBe(1)
    release()
    const releaseSecond = await waiting
    expect(listening).toBe(0)
    abort.abort()
    expect(mutex.size).toBe(1)
    releaseSecond()
    expect(mutex.size).toBe(0)
  })

  test('never two at once, none forgotten, nothing left, whatever the order of aborts', async () => {
    const job = fc.record({
      key: fc.constantFrom('a', 'b'),
      turns: fc.nat(2),
      abortAfter: fc.option(fc.nat(4)),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(job, { maxLength: 12 }), async (jobs) => {
        const mutex = new KeyedMutex()
        const inside = new Map<string, number>()
        const all = jobs.map(async ({ key, turns, abortAfter }) => {
          const abort = new AbortController()
          const running = mutex.run(
            key,
            async () => {
              inside.set(key, (inside.get(key) ?? 0) + 1)
              expect(inside.get(key)).toBe(1)
              for (let i = 0; i < turns; i++) await turn()
              inside.set(key, 0)
            },
            abort.signal,
          )
          const settled = running.catch((error: unknown) =>
            expect((error as { code?: string }).code).toBe('E_ABORTED'),
          )
          for (let i = 0; i < (abortAfter ?? 0); i++) await turn()
          if (abortAfter !== null) abort.abort()
          await settled
        })
        await Promise.all(all)
        expect(mutex.size).toBe(0)
      }),
      { numRuns: 100 },
    )
  })
})
