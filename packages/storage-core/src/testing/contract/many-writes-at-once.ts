import assert from 'node:assert/strict'
import { isStorageError } from '../../errors.js'
import type { ResourceWrite } from '../../storage.js'
import type { PendingWrite, TransactionHook } from '../../transaction.js'
import { assertCode, assertContents, awaitedLater, contentOf, soon, takeTurns } from './assertions.js'
import { type ContractTest, group } from './harness.js'

const WORKERS = 4
const ROUNDS = 6

export const manyWritesAtOnce = group('writeMany in a transaction', (test) => {
  const atomic: ContractTest = (name, body) =>
    test(name, async (fixture) => {
      if (fixture.supports.atomicMany) await body(fixture)
    })
  const transactional: ContractTest = (name, body) =>
    atomic(name, async (fixture) => {
      if (fixture.supports.transactions) await body(fixture)
    })

  transactional('each hook is told of its resource, once all are changed', async ({ storage, info }) => {
    await storage.putContent(info('b'), 'old')
    const told = new Map<string, PendingWrite>()
    let open: () => void = () => undefined
    const all = new Promise<void>((resolve) => (open = resolve))
    const hook: TransactionHook = {
      async beforeCommit(pending) {
        assert.ok(!told.has(pending.info.resource ?? ''), 'a hook ran twice')
        told.set(pending.info.resource ?? '', pending)
        if (told.size === 3) open()
        await all
      },
    }
    const writing = storage.writeMany([
      { info: info('a'), content: 'x', transaction: hook },
      { info: info('b'), content: null, transaction: hook },
      { info: info('c'), metadata: 'x', transaction: hook },
      { info: info('d'), metadata: null, transaction: hook },
    ])
    const results = await soon(writing, 'hooks that wait for each other')
    assert.deepEqual(
      [...told.values()].map(({ written, removed, created, emptied }) => [
        written,
        removed,
        created,
        emptied,
      ]),
      [
        [['content'], [], true, false],
        [[], ['content'], false, true],
        [['metadata'], [], true, false],
      ],
    )
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => told.get(name)?.version),
      results.slice(0, 3).map(({ version }) => version),
    )
  })

  transactional('a hook that rejects leaves nothing, and none runs on', async (fixture) => {
    const { storage, collection, info } = fixture
    await storage.putContent(info('b'), 'old')
    const boom = new Error('the hook said no')
    let ended = false
    const slow: TransactionHook = {
      async beforeCommit() {
        await new Promise((resolve) => setImmediate(resolve))
        ended = true
      },
    }
    const refuse: TransactionHook = {
      beforeCommit() {
        throw boom
      },
    }
    const writes = [
      { info: info('a'), content: 'new', transaction: slow },
      { info: info('b'), content: 'new', transaction: refuse },
      { info: info('c'), content: 'new' },
    ]
    await assert.rejects(storage.writeMany(writes), boom)
    assert.ok(ended)
    await assertContents(storage, collection, { b: 'old' })
    await soon(storage.putContent(info('a'), 'next'), 'a write after a rollback')
  })

  transactional('the earliest instant of all hooks counts', async (fixture) => {
    const { storage, collection, info } = fixture
    const until = (commitBefore: number) => ({ beforeCommit: async () => ({ commitBefore }) })
    const writes = [
      { info: info('a'), content: 'new', transaction: until(performance.now() - 1) },
      { info: info('b'), content: 'new', transaction: until(performance.now() + 60_000) },
    ]
    await assertCode(storage.writeMany(writes), 'E_TIMEOUT')
    await assertContents(storage, collection, {})
  })

  transactional('an abort inside of a hook rolls all back', async (fixture) => {
    const { storage, collection, info } = fixture
    const abort = new AbortController()
    const transaction = { beforeCommit: async () => abort.abort() }
    const writes = [
      { info: info('a'), content: 'new', transaction },
      { info: info('b'), content: 'new' },
    ]
    await assertCode(storage.writeMany(writes, { signal: abort.signal }), 'E_ABORTED')
    await assertContents(storage, collection, {})
  })

  transactional('each resource has a journal row, and none is left of a rollback', async (fixture) => {
    const { storage, supports, info } = fixture
    if (!supports.journal) return
    const prefix = `many-${Math.random()}:`
    const journaled = (name: string, beforeCommit = async () => undefined): ResourceWrite => {
      return { info: info(name), content: 'x', transaction: { journal: [prefix + name], beforeCommit } }
    }
    const results = await storage.writeMany([journaled('a'), journaled('b')])
    const boom = new Error('no')
    const refuse = () => Promise.reject(boom)
    await assert.rejects(storage.writeMany([journaled('c'), journaled('d', refuse)]), boom)
    const rows = new Map<string, string | undefined>()
    await storage.claim({ olderThanMs: 0, keyPrefix: prefix }, async (found) => {
      for (const { id, keys } of found)
        rows.set(
          id,
          keys.find((key) => key.startsWith(prefix)),
        )
      return found.map(({ id }) => id)
    })
    assert.deepEqual(
      [...rows.values()].sort(),
      ['a', 'b'].map((name) => prefix + name),
    )
    assert.deepEqual([...rows.keys()].sort(), results.map(({ journalId }) => journalId).sort())
  })

  transactional('nothing is seen of any before the commit', async ({ storage, reopen, info }) => {
    const reader = (await reopen?.()) ?? storage
    const contents = () => Promise.all(['a', 'b', 'c'].map((name) => contentOf(reader, info(name))))
    await storage.putContent(info('a'), 'old')
    await storage.putContent(info('b'), 'old')
    let reach: () => void = () => undefined
    let commit: () => void = () => undefined
    const reached = new Promise<void>((resolve) => (reach = resolve))
    const committed = new Promise<void>((resolve) => (commit = resolve))
    const beforeCommit = () => {
      reach()
      return committed
    }
    const writing = awaitedLater(
      storage.writeMany([
        { info: info('a'), content: 'new' },
        { info: info('b'), content: null },
        { info: info('c'), content: 'new', transaction: { beforeCommit } },
      ]),
    )
    try {
      await Promise.race([reached, writing])
      assert.deepEqual(await soon(contents(), 'reads during a transaction'), ['old', 'old', undefined])
    } finally {
      commit()
    }
    await writing
    assert.deepEqual(await contents(), ['new', undefined, 'new'])
  })

  atomic('writers of the same resources let each other through', async (fixture) => {
    const { storage, reopen, info } = fixture
    const handles = [storage, (await reopen?.()) ?? storage]
    const names = ['a', 'b', 'c']
    const work = async (worker: number) => {
      // Through each handle in both orders.
      const own = worker < handles.length ? names : [...names].reverse()
      for (let round = 0; round < ROUNDS; round++) {
        const content = `worker ${worker}, round ${round}`
        await orConflict(
          takeTurns(handles, worker).writeMany(own.map((name) => ({ info: info(name), content }))),
        )
      }
    }
    await soon(
      Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker))),
      'writers in opposite order',
    )
    const contents = new Set(await Promise.all(names.map((name) => contentOf(storage, info(name)))))
    assert.equal(contents.size, 1, `parts of several writes: ${[...contents].join('; ')}`)
  })

  atomic('whoever sees one sees the others from then on', async (fixture) => {
    const { storage, reopen, info } = fixture
    const reader = (await reopen?.()) ?? storage
    const names = ['a', 'b', 'c']
    const write = (round: number) =>
      storage.writeMany(names.map((name) => ({ info: info(name), content: String(round) })))
    await write(0)
    let isDone = false
    const read = async () => {
      for (let last = 0, turn = 0; !isDone; turn++) {
        const seen = Number(await contentOf(reader, info(takeTurns(names, turn))))
        assert.ok(seen >= last, `round ${seen} was read after round ${last}`)
        last = seen
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const writing = (async () => {
      try {
        for (let round = 1; round <= 5 * ROUNDS; round++) await write(round)
      } finally {
        isDone = true
      }
    })()
    await soon(Promise.all([writing, read(), read()]), 'reads beside writes')
  })

  atomic('what is moved is neither lost nor doubled', async (fixture) => {
    const { storage, reopen, info } = fixture
    const handles = [storage, (await reopen?.()) ?? storage]
    const names = ['a', 'b', 'c']
    for (const name of names) await storage.putContent(info(name), '10')
    const work = async (worker: number) => {
      for (let done = 0, attempt = 0; done < ROUNDS; attempt++) {
        assert.ok(attempt < 1_000, 'nobody gets through')
        const [from, to] = [info(takeTurns(names, worker + done)), info(takeTurns(names, worker + done + 1))]
        const handle = takeTurns(handles, worker)
        const [rich, poor] = await Promise.all([handle.getContent(from), handle.getContent(to)])
        const writes = [
          { info: from, content: String(Number(rich.bytes) - 1), ifMatch: rich.etag },
          { info: to, content: String(Number(poor.bytes) + 1), ifMatch: poor.etag },
        ]
        if (await orConflict(handle.writeMany(writes))) done++
      }
    }
    await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)))
    const amounts = await Promise.all(names.map(async (name) => Number(await contentOf(storage, info(name)))))
    assert.equal(
      amounts.reduce((sum, amount) => sum + amount),
      30,
    )
  })
})

/** False where others were faster, and nothing was written. */
async function orConflict(writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing
    return true
  } catch (error) {
    if (isStorageError(error, 'E_PRECONDITION_FAILED') || isStorageError(error, 'E_CONFLICT')) return false
    throw error
  }
}
