import assert from 'node:assert/strict'
import type { ListEntry } from '../../resource.js'
import type { ListOrder, PageOptions, Storage } from '../../storage.js'
import { assertCode, assertRefused } from './assertions.js'
import { type Fixture, group } from './harness.js'

const NAMES = ['c', 'a', 'e', 'b', 'd', '\u{1f600}', '\uffff']
const ORDERED: Readonly<Record<ListOrder, readonly string[]>> = {
  name: ['a', 'b', 'c', 'd', 'e', '\uffff', '\u{1f600}'],
  oldest: NAMES,
  newest: [...NAMES].reverse(),
}

export const pages = group('pages', (test) => {
  test('pages of any size cover the listing in every order', async (fixture) => {
    await putAll(fixture, NAMES)
    for (const order of ordersOf(fixture)) {
      for (const limit of [1, 2, 3, NAMES.length - 1, NAMES.length, NAMES.length + 1, 10_000]) {
        const entries = await walk(fixture.storage, fixture.collection, { order, limit })
        assert.deepEqual(entries.map(nameOf), ORDERED[order], `${order}, ${limit} a page`)
      }
    }
  })

  test('a page is ordered by name and has 100 entries by default', async (fixture) => {
    const { storage, collection } = fixture
    await putAll(
      fixture,
      Array.from({ length: 101 }, (_, i) => `r${String(i).padStart(3, '0')}`),
    )
    const first = await storage.page(collection)
    assert.equal(first.entries.length, 100)
    assert.equal(first.entries[0]?.name, 'r000')
    const second = await storage.page(collection, { after: first.next })
    assert.deepEqual(second.entries.map(nameOf), ['r100'])
    assert.equal(second.next, undefined)
  })

  test('an entry has the time of the last write of either part', async ({ storage, collection, info }) => {
    await storage.putContent(info(), 'x')
    const { version, modifiedAt } = await storage.putMetaData(info(), 'x')
    const [entry] = (await storage.page(collection)).entries
    assert.equal(entry?.name, 'resource')
    assert.equal(entry.version, version)
    assert.equal(entry.modifiedAt.getTime(), modifiedAt.getTime())
    assert.equal(entry.info.key, info().key)
  })

  test('a write of either part makes a resource the newest', async (fixture) => {
    const { storage, supports, collection, info } = fixture
    if (!supports.orderByModified) return
    await putAll(fixture, ['a', 'b', 'c'])
    await storage.putMetaData(info('a'), 'x')
    const newest = async () => (await storage.page(collection, { order: 'newest' })).entries.map(nameOf)
    assert.deepEqual(await newest(), ['a', 'c', 'b'])
    await storage.removeMetaData(info('a'))
    await storage.putContent(info('b'), 'x')
    assert.deepEqual(await newest(), ['b', 'a', 'c'])
  })

  test('a storage without orderByModified refuses orders by time', async ({
    storage,
    supports,
    collection,
  }) => {
    if (supports.orderByModified) return
    await assertCode(storage.page(collection, { order: 'newest' }), 'E_UNSUPPORTED')
    await assertCode(storage.page(collection, { order: 'oldest' }), 'E_UNSUPPORTED')
  })

  test('writes between two pages neither repeat nor skip other entries', async (fixture) => {
    const { storage, collection, info, supports } = fixture
    await putAll(fixture, NAMES)
    const first = await storage.page(collection, { limit: 3 })
    assert.deepEqual(first.entries.map(nameOf), ['a', 'b', 'c'])
    await storage.putContent(info('0 in front'), 'x')
    await storage.removeContent(info('a'))
    // The entry that the cursor stands on.
    await storage.removeContent(info('c'))
    await storage.putContent(info('cc behind'), 'x')
    const rest = await walk(storage, collection, { limit: 3, after: first.next })
    assert.deepEqual(rest.map(nameOf), ['cc behind', 'd', 'e', '\uffff', '\u{1f600}'])
    if (!supports.orderByModified) return
    const newest = await storage.page(collection, { order: 'newest', limit: 2 })
    assert.deepEqual(newest.entries.map(nameOf), ['cc behind', '0 in front'])
    await storage.putContent(info('newer'), 'x')
    await storage.putContent(info('0 in front'), 'x')
    const older = await walk(storage, collection, { order: 'newest', limit: 2, after: newest.next })
    assert.deepEqual(older.map(nameOf), ['\uffff', '\u{1f600}', 'd', 'b', 'e'])
  })

  test('an order by time can be reversed at any page', async (fixture) => {
    const { storage, collection } = fixture
    await putAll(fixture, NAMES)
    assert.equal((await storage.page(collection)).back, undefined)
    if (!fixture.supports.orderByModified) return
    for (const [order, opposite] of [
      ['newest', 'oldest'],
      ['oldest', 'newest'],
    ] as const) {
      const ahead = [...ORDERED[order]]
      let after: string | undefined
      for (let start = 0; start < ahead.length; start += 2) {
        const page = await storage.page(collection, { order, limit: 2, after })
        const before = await walk(storage, collection, { order: opposite, limit: 2, after: page.back })
        assert.deepEqual(before.map(nameOf), ahead.slice(0, start).reverse(), `${order}, behind ${start}`)
        after = page.next
      }
    }
    assert.equal((await storage.page(fixture.otherCollection(), { order: 'newest' })).back, undefined)
  })

  test('page accepts ext', async (fixture) => {
    await putAll(fixture, ['1.x', '2.y', '3.x', '4.y', '5.x', '6.x'])
    for (const order of ordersOf(fixture)) {
      const entries = await walk(fixture.storage, fixture.collection, { order, limit: 2, ext: 'x' })
      const expected = ['1.x', '3.x', '5.x', '6.x']
      assert.deepEqual(entries.map(nameOf), order === 'newest' ? expected.reverse() : expected)
    }
  })

  test('a cursor of another listing is refused', async (fixture) => {
    const { storage, collection, otherCollection } = fixture
    await putAll(fixture, ['1.x', '2.x', '3.x'])
    const { next } = await storage.page(collection, { limit: 1, ext: 'x' })
    assert.equal(typeof next, 'string')
    assert.equal((await storage.page(collection, { ext: '.x', after: next })).entries.length, 2)
    const other = otherCollection()
    await assertCode(storage.page(other, { ext: 'x', after: next }), 'E_BAD_REQUEST')
    await assertCode(storage.page(collection, { after: next }), 'E_BAD_REQUEST')
    await assertCode(storage.page(collection, { ext: 'y', after: next }), 'E_BAD_REQUEST')
    if (!fixture.supports.orderByModified) return
    await assertCode(storage.page(collection, { ext: 'x', order: 'newest', after: next }), 'E_BAD_REQUEST')
  })

  test('text that is no cursor is refused', async ({ storage, collection }) => {
    const forged = Buffer.from('["x","y"]').toString('base64url')
    // A client may have sent these; other values are mistakes of the program.
    for (const after of ['', 'x', 'a'.repeat(1_000), '\u{1f600}', "'; --", forged])
      await assertCode(storage.page(collection, { after }), 'E_BAD_REQUEST')
    for (const after of [7, null, {}] as unknown as string[]) {
      await assertRefused(() => storage.page(collection, { after }), `after: ${JSON.stringify(after)}`)
    }
  })

  test('limits and orders out of range are refused', async ({ storage, collection }) => {
    for (const limit of [0, -1, 1.5, Number.NaN, Infinity, 10_001, '5', null] as unknown as number[]) {
      await assertRefused(() => storage.page(collection, { limit }), `limit: ${String(limit)}`)
    }
    for (const order of ['', 'size', 'NAME', 'name; --', null, 7] as unknown as ListOrder[]) {
      await assertRefused(() => storage.page(collection, { order }), `order: ${order}`)
    }
  })
})

function ordersOf({ supports }: Fixture): readonly ListOrder[] {
  return supports.orderByModified ? ['name', 'oldest', 'newest'] : ['name']
}

async function putAll({ storage, info }: Fixture, names: readonly string[]): Promise<void> {
  for (const name of names) await storage.putContent(info(name), `content of ${name}`)
}

function nameOf(entry: ListEntry): string {
  return entry.name
}

async function walk(storage: Storage, collection: string, options: PageOptions): Promise<ListEntry[]> {
  const all: ListEntry[] = []
  let after = options.after
  let mayBeEmpty = after !== undefined
  do {
    const page = await storage.page(collection, { ...options, after })
    assert.ok(page.entries.length > 0 || mayBeEmpty, 'a page is empty')
    mayBeEmpty = false
    assert.ok(page.entries.length <= (options.limit ?? 100), 'a page is too long')
    all.push(...page.entries)
    // A cursor that does not move on would never end.
    assert.ok(all.length < 1_000, 'pages go round in a circle')
    after = page.next
  } while (after !== undefined)
  return all
}
