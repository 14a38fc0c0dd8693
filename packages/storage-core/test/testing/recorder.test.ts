import { MemoryStorage, OutcomeUnknownError, StorageError } from '@larder/storage-core'
import { FaultyStorage, HistoryRecorder } from '@larder/storage-core/testing'
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'vitest'

const info = new MemoryStorage().info('c', 'r')
let storage: FaultyStorage
let recorder: HistoryRecorder

beforeEach(() => {
  storage = new FaultyStorage(new MemoryStorage())
  recorder = new HistoryRecorder()
})

describe('HistoryRecorder', () => {
  test('writes down what was answered, and when', async () => {
    const put = await recorder.put(storage, info, 'text')
    await recorder.get(storage, info)
    await recorder.list(storage, 'c')
    const removed = await recorder.remove(storage, info)
    assert.equal(await recorder.get(storage, info), undefined)
    const key = JSON.stringify(['c', 'r'])
    assert.deepEqual(recorder.registers, [
      { kind: 'write', key, start: 1, end: 2, value: 'text', version: put.version },
      { kind: 'read', key, start: 3, end: 4, value: 'text', version: put.version },
      { kind: 'write', key, start: 7, end: 8, value: undefined, version: removed.version },
      { kind: 'read', key, start: 9, end: 10, value: undefined, version: undefined },
    ])
    assert.deepEqual(recorder.collections, [
      { kind: 'add', collection: 'c', name: 'r', start: 1, end: 2, version: put.version },
      { kind: 'list', collection: 'c', start: 5, end: 6, names: new Set(['r']) },
      { kind: 'remove', collection: 'c', name: 'r', start: 7, end: 8, version: removed.version },
    ])
    assert.deepEqual(recorder.violations(), [])
  })

  test('a removal of nothing is a read of nothing', async () => {
    await recorder.remove(storage, info)
    assert.deepEqual(
      recorder.registers.map(({ kind, value }) => [kind, value]),
      [['read', undefined]],
    )
    assert.deepEqual(recorder.collections, [])
  })

  test('what surely was not written is left out, what may have been stays open', async () => {
    await recorder.put(storage, info, 'there')
    await assert.rejects(recorder.put(storage, info, 'refused', { ifNoneMatch: '*' }))
    await assert.rejects(recorder.put(storage, info, 7 as unknown as string), TypeError)
    storage.failNextWrites(1, new OutcomeUnknownError('who knows'), { at: 'after' })
    await assert.rejects(recorder.put(storage, info, 'unsure'))
    storage.failNextWrites(1, new StorageError('E_STORAGE_UNAVAILABLE', 'gone'))
    await assert.rejects(recorder.remove(storage, info))
    const seen = recorder.registers.map(({ value, end, version }) => [
      value,
      end !== undefined,
      version !== undefined,
    ])
    assert.deepEqual(seen, [
      ['there', true, true],
      ['unsure', false, false],
      [undefined, false, false],
    ])
    await recorder.get(storage, info)
    assert.deepEqual(recorder.violations(), [])
  })

  test('reads and listings that fail are passed on and left out', async () => {
    storage.failNextReads(1, new StorageError('E_TIMEOUT', 'late'))
    await assert.rejects(recorder.get(storage, info), { code: 'E_TIMEOUT' })
    storage.failNextListings(1, new StorageError('E_TIMEOUT', 'late'))
    await assert.rejects(recorder.list(storage, 'c'), { code: 'E_TIMEOUT' })
    assert.deepEqual([recorder.registers, recorder.collections], [[], []])
  })

  test('a stale read and a stale listing are found', async () => {
    await recorder.put(storage, info, 'old')
    const stale = new FaultyStorage(new MemoryStorage())
    await recorder.put(storage, info, 'new')
    await recorder.get(stale, info)
    await recorder.list(stale, 'c')
    const kinds = recorder.violations().map((violation) => violation.kind)
    assert.deepEqual(kinds, ['stale', 'stale'])
  })
})
