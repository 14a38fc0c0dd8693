import assert from 'node:assert/strict'
import type { ResourceInfo } from '../../resource.js'
import type { ByteSource, Storage, StorageTransaction } from '../../storage.js'
import type { TransactionOptions } from '../../call-options.js'
import { assertCode, assertContents, soon } from './assertions.js'
import { type ContractTest, type Fixture, group } from './harness.js'

const TIMEOUT_MS = 200

/** What never ends by itself: its first chunk comes, its second does not. */
interface Stall {
  readonly source: ByteSource
  /** Resolves once the source was asked for the chunk that does not come. */
  readonly reached: Promise<void>
  readonly isEnded: () => boolean
}

function stall(): Stall {
  let reach: () => void = () => undefined
  const reached = new Promise<void>((resolve) => (reach = resolve))
  let chunks = 0
  let isEnded = false
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => {
      if (chunks++ === 0) return Promise.resolve({ done: false, value: Buffer.from('first') })
      reach()
      return new Promise(() => undefined)
    },
    return: async () => {
      isEnded = true
      return { done: true, value: undefined }
    },
  }
  return { source: { [Symbol.asyncIterator]: () => iterator }, reached, isEnded: () => isEnded }
}

export const interactiveStalls = group('a transaction that stalls', (test) => {
  const transactional: ContractTest = (name, body) =>
    test(name, async (fixture) => {
      if (fixture.supports.interactiveTransactions) await body(fixture)
    })

  transactional('a source that stalls does not hold it past its time', async (fixture) => {
    const { storage, info } = fixture
    const content = stall()
    const work = (tx: StorageTransaction) => tx.putContent(info(), content.source)
    await assertCode(begun(storage, work, { timeoutMs: TIMEOUT_MS }), 'E_TIMEOUT')
    assert.ok(content.isEnded(), 'the source was not ended')
    const metadata = stall()
    const many = (tx: StorageTransaction) =>
      tx.writeMany([{ info: info(), content: 'x', metadata: metadata.source }])
    await assertCode(begun(storage, many, { timeoutMs: TIMEOUT_MS }), 'E_TIMEOUT')
    assert.ok(metadata.isEnded(), 'the source was not ended')
    const opening = (tx: StorageTransaction) => tx.putContent(info(), () => new Promise(() => undefined))
    await assertCode(begun(storage, opening, { timeoutMs: TIMEOUT_MS }), 'E_TIMEOUT')
    await assertUsable(fixture)
  })

  transactional('an abort ends the wait for a source that stalls', async (fixture) => {
    const { storage, info } = fixture
    const { source, reached, isEnded } = stall()
    const abort = new AbortController()
    const aborted = begun(storage, (tx) => tx.putContent(info(), source), { signal: abort.signal })
    await soon(Promise.race([reached, aborted]), 'the second chunk')
    abort.abort()
    await assertCode(aborted, 'E_ABORTED')
    assert.ok(isEnded(), 'the source was not ended')
    await assertUsable(fixture)
  })

  transactional('a write that stalls and was not awaited does not hold it', async (fixture) => {
    const { storage, info } = fixture
    const left = async (tx: StorageTransaction) => leave(tx, info(), stall())
    await assertCode(begun(storage, left, { timeoutMs: TIMEOUT_MS }), 'E_TIMEOUT')
    const abort = new AbortController()
    const content = stall()
    const aborted = begun(storage, async (tx) => leave(tx, info(), content), { signal: abort.signal })
    await soon(Promise.race([content.reached, aborted]), 'the second chunk')
    abort.abort()
    await assertCode(aborted, 'E_ABORTED')
    const boom = new Error('the work failed')
    const failing = begun(storage, async (tx) => {
      const stalled = stall()
      leave(tx, info(), stalled)
      await stalled.reached
      throw boom
    })
    await assert.rejects(failing, boom)
    await assertUsable(fixture)
  })

  transactional('neither does a nested one', async (fixture) => {
    const { storage, info } = fixture
    const never = () => new Promise(() => undefined)
    const stalled = (tx: StorageTransaction) =>
      tx.transaction((inner) => inner.putContent(info(), stall().source))
    await assertCode(begun(storage, stalled, { timeoutMs: TIMEOUT_MS }), 'E_TIMEOUT')
    const abort = new AbortController()
    const aborting = async (tx: StorageTransaction) => {
      await tx.transaction(() => {
        abort.abort()
        return never()
      })
    }
    await assertCode(begun(storage, aborting, { signal: abort.signal }), 'E_ABORTED')
    const boom = new Error('the work failed')
    const failing = begun(storage, async (tx) => {
      await new Promise<void>((resolve) => {
        const nested = tx.transaction(() => {
          resolve()
          return never()
        })
        nested.catch(() => undefined)
      })
      throw boom
    })
    await assert.rejects(failing, boom)
    await assertUsable(fixture)
  })

  transactional('neither does a participant that never answers', async (fixture) => {
    const { storage, info } = fixture
    const enlisted = async (tx: StorageTransaction) => {
      await tx.putContent(info(), 'x')
      tx.enlist({ closing: () => new Promise(() => undefined) })
    }
    await assertCode(begun(storage, enlisted, { timeoutMs: TIMEOUT_MS }), 'E_TIMEOUT')
    await assertUsable(fixture)
  })
})

function begun(
  storage: Storage,
  work: (tx: StorageTransaction) => Promise<unknown>,
  options?: TransactionOptions,
): Promise<unknown> {
  return soon(storage.transaction(work, options), 'a transaction that stalls')
}

function leave(tx: StorageTransaction, info: ResourceInfo, { source }: Stall): void {
  tx.putContent(info, source).catch(() => undefined)
}

async function assertUsable({ storage, collection, info }: Fixture): Promise<void> {
  await assertContents(storage, collection, {})
  await soon(storage.putContent(info('next'), 'next'), 'a write after a rollback')
  await soon(
    storage.transaction((tx) => tx.remove(info('next'))),
    'a transaction after a rollback',
  )
}
