import { MemoryStorage, OutcomeUnknownError, StorageError } from '@larder/storage-core'
import { FaultyStorage, HistoryRecorder } from '@larder/storage-core/testing'
import { beforeEach, describe, expect, test } from 'vitest'

const info = new MemoryStorage().info('c', 'r')
let storage: FaultyStorage
let recorder: HistoryRecorder

beforeEach(() => {
  storage = new FaultyStorage(new MemoryStorage())
  recorder = new HistoryRecorder()
})

describe('HistoryRecorder', () => {
  test('records answers with their times', async () => {
    const put = await recorder.put(storage, info, 'text')
    await recorder.get(storage, info)
    await recorder.list(storage, 'c')
    const removed = await recorder.remove(storage, info)
    expect(await recorder.get(storage, info)).toBeUndefined()
    const key = JSON.stringify(['c', 'r'])
    expect(recorder.registers).toEqual([
      { kind: 'write', key, start: 1, end: 2, value: 'text', version: put.version },
      { kind: 'read', key, start: 3, end: 4, value: 'text', version: put.version },
      { kind: 'write', key, start: 7, end: 8, value: undefined, version: removed.version },
      { kind: 'read', key, start: 9, end: 10, value: undefined, version: undefined },
    ])
    expect(recorder.collections).toEqual([
      { kind: 'add', collection: 'c', name: 'r', start: 1, end: 2, version: put.version },
      { kind: 'list', collection: 'c', start: 5, end: 6, names: new Set(['r']) },
      { kind: 'remove', collection: 'c', name: 'r', start: 7, end: 8, version: removed.version },
    ])
    expect(recorder.violations()).toEqual([])
  })

  test('a removal of nothing is a read of nothing', async () => {
    await recorder.remove(storage, info)
    expect(recorder.registers.map(({ kind, value }) => [kind, value])).toEqual([['read', undefined]])
    expect(recorder.collections).toEqual([])
  })

  test('what surely was not written is left out, what may have been stays open', async () => {
    await recorder.put(storage, info, 'there')
    await expect(recorder.put(storage, info, 'refused', { ifNoneMatch: '*' })).rejects.toThrow()
    await expect(recorder.put(storage, info, 7 as unknown as string)).rejects.toThrow(TypeError)
    storage.failNextWrites(1, new OutcomeUnknownError('who knows'), { at: 'after' })
    await expect(recorder.put(storage, info, 'unsure')).rejects.toThrow()
    storage.failNextWrites(1, new StorageError('E_STORAGE_UNAVAILABLE', 'gone'))
    await expect(recorder.remove(storage, info)).rejects.toThrow()
    const seen = recorder.registers.map(({ value, end, version }) => [
      value,
      end !== undefined,
      version !== undefined,
    ])
    expect(seen).toEqual([
      ['there', true, true],
      ['unsure', false, false],
      [undefined, false, false],
    ])
    await recorder.get(storage, info)
    expect(recorder.violations()).toEqual([])
  })

  test('reads and listings that fail are passed on and left out', async () => {
    storage.failNextReads(1, new StorageError('E_TIMEOUT', 'late'))
    await expect(recorder.get(storage, info)).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    storage.failNextListings(1, new StorageError('E_TIMEOUT', 'late'))
    await expect(recorder.list(storage, 'c')).rejects.toMatchObject({ code: 'E_TIMEOUT' })
    expect([recorder.registers, recorder.collections]).toEqual([[], []])
  })

  test('a stale read and a stale listing are found', async () => {
    await recorder.put(storage, info, 'old')
    const stale = new FaultyStorage(new MemoryStorage())
    await recorder.put(storage, info, 'new')
    await recorder.get(stale, info)
    await recorder.list(stale, 'c')
    const kinds = recorder.violations().map((violation) => violation.kind)
    expect(kinds).toEqual(['stale', 'stale'])
  })
})
