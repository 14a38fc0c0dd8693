import { checkTogether, HistoryRecorder, type RegisterOperation } from '@larder/storage-core/testing'
import { isStorageError, MemoryStorage } from '@larder/storage-core'
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'

const write = (
  key: string,
  version: number | undefined,
  start: number,
  rest: { unit?: number; value?: string | undefined } = {},
): RegisterOperation => ({
  kind: 'write',
  key,
  version,
  value: `v${version}`,
  start,
  end: start + 1,
  ...rest,
})
const read = (key: string, version: number | undefined, start: number): RegisterOperation => ({
  ...{ kind: 'read', key, version, start, end: start + 1 },
  value: version === undefined ? undefined : `v${version}`,
})

const kinds = (history: readonly RegisterOperation[]) =>
  checkTogether(history).map(({ kind, key }) => [kind, key])

const both = [write('a', 5, 1, { unit: 1 }), write('b', 6, 1, { unit: 1 })]

describe('checkTogether', () => {
  test('whoever saw one must see the other', () => {
    assert.deepEqual(kinds([...both, read('a', 5, 10), read('b', 6, 20)]), [])
    assert.deepEqual(kinds([...both, read('a', 5, 10), read('b', 4, 20)]), [['split', 'b']])
    assert.deepEqual(kinds([...both, read('a', 9, 10), read('b', 4, 20)]), [['split', 'b']])
    assert.deepEqual(kinds([...both, read('a', 4, 10), read('b', 4, 20)]), [])
    // The reads overlap: nobody knows which came first.
    assert.deepEqual(kinds([...both, { ...read('a', 5, 10), end: 30 }, read('b', 4, 20)]), [])
  })

  test('nothing is older than something, unless it was removed since', () => {
    const seen = [...both, read('a', 5, 10), read('b', undefined, 20)]
    assert.deepEqual(kinds(seen), [['split', 'b']])
    assert.deepEqual(kinds([...seen, write('b', 8, 15, { value: undefined })]), [])
    assert.deepEqual(kinds([...seen, write('b', undefined, 15, { value: undefined })]), [])
    assert.deepEqual(kinds([...seen, write('b', 3, 0, { value: undefined })]), [['split', 'b']])
    assert.deepEqual(kinds([...seen, write('b', 8, 25, { value: undefined })]), [['split', 'b']])
  })

  test('writes by themselves and writes without a version say nothing', () => {
    assert.deepEqual(kinds([write('a', 5, 1), write('b', 6, 1), read('a', 5, 10), read('b', 4, 20)]), [])
    const unsure = [write('a', 5, 1, { unit: 1 }), write('b', undefined, 1, { unit: 1 })]
    assert.deepEqual(kinds([...unsure, read('a', 5, 10), read('b', 4, 20)]), [])
  })

  test('a recorder writes down what was written together', async () => {
    const recorder = new HistoryRecorder()
    const storage = new MemoryStorage()
    const [a, b] = [storage.info('c', 'a'), storage.info('c', 'b')]
    await recorder.writeMany(storage, [
      { info: a, text: 'x' },
      { info: b, text: undefined },
    ])
    await recorder.writeMany(storage, [
      { info: a, text: undefined },
      { info: b, text: 'y' },
    ])
    await assert.rejects(recorder.writeMany(storage, [{ info: b, text: 'z', ifNoneMatch: '*' }]), (error) =>
      isStorageError(error, 'E_PRECONDITION_FAILED'),
    )
    assert.deepEqual(
      recorder.registers.map(({ kind, value, ...rest }) => [
        kind,
        value,
        'unit' in rest ? rest.unit : undefined,
      ]),
      [
        ['write', 'x', 1],
        ['read', undefined, undefined],
        ['write', undefined, 2],
        ['write', 'y', 2],
      ],
    )
    assert.deepEqual(recorder.violations(), [])
    recorder.registers.push(
      { ...read('["c","b"]', recorder.registers[3]?.version, 90) },
      { ...read('["c","a"]', recorder.registers[0]?.version, 100) },
    )
    assert.ok(recorder.violations().some(({ kind }) => kind === 'split'))
  })
})
