import { checkTogether, HistoryRecorder, type RegisterOperation } from '@larder/storage-core/testing'
import { MemoryStorage } from '@larder/storage-core'
import { describe, expect, test } from 'vitest'

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
  test('a reader that saw one write must see the other', () => {
    expect(kinds([...both, read('a', 5, 10), read('b', 6, 20)])).toEqual([])
    expect(kinds([...both, read('a', 5, 10), read('b', 4, 20)])).toEqual([['split', 'b']])
    expect(kinds([...both, read('a', 9, 10), read('b', 4, 20)])).toEqual([['split', 'b']])
    expect(kinds([...both, read('a', 4, 10), read('b', 4, 20)])).toEqual([])
    // The reads overlap: nobody knows which came first.
    expect(kinds([...both, { ...read('a', 5, 10), end: 30 }, read('b', 4, 20)])).toEqual([])
  })

  test('nothing is older than something, unless it was removed since', () => {
    const seen = [...both, read('a', 5, 10), read('b', undefined, 20)]
    expect(kinds(seen)).toEqual([['split', 'b']])
    expect(kinds([...seen, write('b', 8, 15, { value: undefined })])).toEqual([])
    expect(kinds([...seen, write('b', undefined, 15, { value: undefined })])).toEqual([])
    expect(kinds([...seen, write('b', 3, 0, { value: undefined })])).toEqual([['split', 'b']])
    expect(kinds([...seen, write('b', 8, 25, { value: undefined })])).toEqual([['split', 'b']])
  })

  test('writes by themselves and writes without a version say nothing', () => {
    expect(kinds([write('a', 5, 1), write('b', 6, 1), read('a', 5, 10), read('b', 4, 20)])).toEqual([])
    const unsure = [write('a', 5, 1, { unit: 1 }), write('b', undefined, 1, { unit: 1 })]
    expect(kinds([...unsure, read('a', 5, 10), read('b', 4, 20)])).toEqual([])
  })

  test('a recorder records writes that were made together', async () => {
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
    await expect(
      recorder.writeMany(storage, [{ info: b, text: 'z', ifNoneMatch: '*' }]),
    ).rejects.toMatchObject({ code: 'E_PRECONDITION_FAILED' })
    expect(
      recorder.registers.map(({ kind, value, ...rest }) => [
        kind,
        value,
        'unit' in rest ? rest.unit : undefined,
      ]),
    ).toEqual([
      ['write', 'x', 1],
      ['read', undefined, undefined],
      ['write', undefined, 2],
      ['write', 'y', 2],
    ])
    expect(recorder.violations()).toEqual([])
    recorder.registers.push(
      { ...read('["c","b"]', recorder.registers[3]?.version, 90) },
      { ...read('["c","a"]', recorder.registers[0]?.version, 100) },
    )
    expect(recorder.violations().some(({ kind }) => kind === 'split')).toBeTruthy()
  })
})
