import { checkListings, type CollectionOperation } from '@larder/storage-core/testing'
import { describe, expect, test } from 'vitest'

const collection = 'c'

function changed(
  kind: 'add' | 'remove',
  name: string,
  start: number,
  end: number | undefined,
  version?: number,
) {
  return { kind, collection, name, start, end, version } satisfies CollectionOperation
}

function listed(start: number, end: number, ...names: string[]): CollectionOperation {
  return { kind: 'list', collection, start, end, names: new Set(names) }
}

function kindsOf(...history: CollectionOperation[]): string[] {
  return checkListings(history).map((violation) => violation.kind)
}

describe('checkListings lets pass', () => {
  test('members that were added and not removed', () => {
    const base = [changed('add', 'a', 1, 2, 1), changed('add', 'b', 3, 4, 2), changed('remove', 'a', 5, 6, 3)]
    expect(kindsOf(...base, listed(7, 8, 'b'))).toEqual([])
    expect(kindsOf(listed(1, 2), listed(3, 4))).toEqual([])
  })

  test('either of what happens meanwhile', () => {
    const base = [changed('add', 'a', 1, 20, 1), changed('add', 'b', 2, undefined)]
    expect(kindsOf(...base, listed(3, 4), listed(5, 6, 'a'), listed(7, 8, 'a', 'b'))).toEqual([])
  })

  test('a write without an answer that began while the listing ran', () => {
    expect(kindsOf(listed(1, 4, 'a'), changed('add', 'a', 2, undefined))).toEqual([])
  })

  test('a write of a member that is one already', () => {
    const base = [changed('add', 'a', 1, 2, 1), changed('add', 'a', 3, 4, 2)]
    expect(kindsOf(...base, listed(5, 6, 'a'))).toEqual([])
  })

  test('a member that is removed and added again during a listing', () => {
    const base = [
      changed('add', 'a', 1, 2, 1),
      changed('remove', 'a', 3, 30, 2),
      changed('add', 'a', 4, 31, 3),
    ]
    expect(kindsOf(...base, listed(5, 6, 'a'), listed(7, 8), listed(9, 10, 'a'))).toEqual([])
  })
})

describe('checkListings finds', () => {
  test('a created member that is not shown', () => {
    expect(kindsOf(changed('add', 'a', 1, 2, 1), listed(3, 4))).toEqual(['stale'])
  })

  test('a removed member that is shown', () => {
    const base = [changed('add', 'a', 1, 2, 1), changed('remove', 'a', 3, 4, 2)]
    expect(kindsOf(...base, listed(5, 6, 'a'))).toEqual(['stale'])
  })

  test('a member that nobody added, or not in this collection', () => {
    expect(kindsOf(listed(1, 2, 'a'))).toEqual(['unwritten'])
    expect(kindsOf({ ...changed('add', 'a', 1, 2, 1), collection: 'other' }, listed(3, 4, 'a'))).toEqual([
      'unwritten',
    ])
  })

  test('a listing that steps back behind an earlier one', () => {
    const base = changed('add', 'a', 1, 20, 1)
    expect(kindsOf(base, listed(3, 4, 'a'), listed(5, 6))).toEqual(['back'])
  })

  test('a listing that steps back, which is not laid to the version of a later write', () => {
    const base = [changed('add', 'a', 1, 2, 1), changed('remove', 'a', 3, 20, 2)]
    // The second one steps back to what the first write added, or else shows what the third will.
    const listings = [listed(4, 5), listed(6, 8, 'a')]
    const later = [changed('add', 'a', 7, 30, 9), changed('add', 'a', 10, 12, 4)]
    expect(kindsOf(...base, ...listings, ...later)).toEqual(['back'])
    expect(kindsOf(...base, ...later.slice(1), changed('remove', 'a', 14, 15, 3))).toEqual(['order'])
  })

  test('the one name of many that is wrong', () => {
    const adds = Array.from({ length: 50 }, (_, i) => changed('add', `r${i}`, i + 1, i + 2, i + 1))
    const names = adds.map((add) => add.name).filter((name) => name !== 'r31')
    const [violation, ...others] = checkListings([...adds, listed(100, 101, ...names)])
    expect(violation?.key).toBe('c/r31')
    expect(others).toEqual([])
  })
})
