import assert from 'node:assert/strict'
import type { Storage } from '../../storage.js'
import { assertRefused, firstOf, namesOf } from './assertions.js'
import { group } from './harness.js'

const MEMBERS = [
  'a.atom',
  'b.atom',
  'c.ATOM',
  'atom',
  '.atom',
  'xatom',
  'd.atom.bak',
  'e.tar.gz',
  'f.gz',
  'g.g',
  'h.at',
]
const TRICKY = [
  '1.a%m',
  '1.abm',
  '2.a_m',
  '2.axm',
  '3.%',
  '3.x',
  '4._',
  '5.\\',
  "6.'",
  '7.a\\m',
  '8.caf\u00e9',
  '9.cafe\u0301',
  '10.CAF\u00c9',
]

export const listings = group('listings', (test) => {
  test('ls and ils of a new collection are empty', async ({ storage, collection, otherCollection }) => {
    assert.equal((await storage.ls(collection)).size, 0)
    assert.deepEqual(await namesByIls(storage, otherCollection()), [])
  })

  test('ls maps names to infos in code point order', async ({ storage, collection, info }) => {
    for (const name of ['b', 'a', 'B', 'ab', '\u{1f600}', '\uffff', '\u00e9', '10', '9']) {
      await storage.putContent(info(name), 'x')
    }
    const listed = await storage.ls(collection)
    assert.deepEqual([...listed.keys()], ['10', '9', 'B', 'a', 'ab', 'b', '\u00e9', '\uffff', '\u{1f600}'])
    for (const [name, at] of listed) {
      assert.deepEqual([at.collection, at.resource, at.key], [collection, name, info(name).key])
    }
  })

  test('ils yields the same members, each once', async ({ storage, collection, info }) => {
    for (const name of MEMBERS) await storage.putContent(info(name), 'x')
    assert.deepEqual(await namesByIls(storage, collection), [...MEMBERS].sort())
    for await (const [name, at] of storage.ils(collection)) assert.equal(at.key, info(name).key)
  })

  test('a resource is listed from its first part to its last', async ({ storage, collection, info }) => {
    await storage.putMetaData(info('r'), 'x')
    assert.deepEqual(await namesOf(storage, collection), ['r'])
    await storage.putContent(info('r'), 'x')
    assert.deepEqual(await namesOf(storage, collection), ['r'])
    await storage.removeMetaData(info('r'))
    assert.deepEqual(await namesOf(storage, collection), ['r'])
    await storage.removeContent(info('r'))
    assert.deepEqual(await namesOf(storage, collection), [])
    assert.deepEqual(await namesByIls(storage, collection), [])
    assert.deepEqual((await storage.page(collection)).entries, [])
    await storage.putContent(info('r'), 'x')
    assert.deepEqual(await namesOf(storage, collection), ['r'])
  })

  test('ext keeps names that end in it, with or without its dot', async ({ storage, collection, info }) => {
    for (const name of MEMBERS) await storage.putContent(info(name), 'x')
    for (const [ext, expected] of [
      ['atom', ['.atom', 'a.atom', 'b.atom']],
      ['.atom', ['.atom', 'a.atom', 'b.atom']],
      ['ATOM', ['c.ATOM']],
      ['bak', ['d.atom.bak']],
      ['gz', ['e.tar.gz', 'f.gz']],
      ['tar.gz', ['e.tar.gz']],
      ['g', ['g.g']],
      ['nothing', []],
    ] as const) {
      await assertListed(storage, collection, ext, expected)
    }
  })

  test('ext is compared literally and not as a pattern', async ({ storage, collection, info }) => {
    for (const name of TRICKY) await storage.putContent(info(name), 'x')
    for (const [ext, expected] of [
      ['a%m', ['1.a%m']],
      ['a_m', ['2.a_m']],
      ['%', ['3.%']],
      ['_', ['4._']],
      ['\\', ['5.\\']],
      ["'", ["6.'"]],
      ['a\\m', ['7.a\\m']],
      ['caf\u00e9', ['8.caf\u00e9']],
      ['cafe\u0301', ['9.cafe\u0301']],
      ['*', []],
      ['.*', []],
    ] as const) {
      await assertListed(storage, collection, ext, expected)
    }
  })

  test('an empty ext is refused', async ({ storage, collection }) => {
    for (const ext of ['', '.', 'a\0', '\ud800', 7, null] as unknown as string[]) {
      const what = `ext ${JSON.stringify(ext)}`
      await assertRefused(() => storage.page(collection, { ext }), what)
      await assertRefused(() => storage.ls(collection, { ext }), what)
      await assertRefused(() => firstOf(() => storage.ils(collection, { ext })), what)
    }
  })

  test('a listing never shows resources of another collection', async ({ storage, collection }) => {
    const near = [
      collection,
      `${collection}.`,
      `${collection}/`,
      `${collection}:`,
      `${collection}%`,
      ` ${collection}`,
    ]
    near.push(`${collection} `, collection.toUpperCase(), collection.replaceAll('-', '_'))
    for (const at of near) await storage.putContent(storage.info(at, `in ${at}`), 'x')
    await storage.putContent(storage.info(collection, 'shared'), 'x')
    for (const at of near.slice(1)) {
      assert.deepEqual(await namesOf(storage, at), [`in ${at}`])
      assert.deepEqual(await namesByIls(storage, at), [`in ${at}`])
      assert.equal(await storage.exists(storage.info(at, 'shared')), false)
    }
    await storage.removeContent(storage.info(collection, 'shared'))
    assert.deepEqual(await namesOf(storage, collection), [`in ${collection}`])
  })

  test('a loop over ils can write and can end early', async ({ storage, collection, info }) => {
    for (let i = 0; i < 10; i++) await storage.putContent(info(`r${i}`), 'x')
    for await (const [name] of storage.ils(collection)) {
      await storage.removeContent(info(name))
      if (name === 'never') break
    }
    assert.deepEqual(await namesOf(storage, collection), [])
    for (let i = 0; i < 10; i++) await storage.putContent(info(`r${i}`), 'x')
    for await (const pair of storage.ils(collection)) {
      assert.equal(pair.length, 2)
      break
    }
    await storage.shutdown()
  })
})

async function assertListed(
  storage: Storage,
  collection: string,
  ext: string,
  expected: readonly string[],
): Promise<void> {
  const said = `ext ${JSON.stringify(ext)}`
  assert.deepEqual(await namesOf(storage, collection, ext), expected, said)
  assert.deepEqual([...(await storage.ls(collection, { ext })).keys()], expected, said)
  assert.deepEqual(await namesByIls(storage, collection, ext), expected, said)
  const { entries } = await storage.page(collection, { ext })
  assert.deepEqual(
    entries.map((entry) => entry.name),
    expected,
    said,
  )
}

async function namesByIls(storage: Storage, collection: string, ext?: string): Promise<string[]> {
  const found: string[] = []
  for await (const [name] of storage.ils(collection, ext)) found.push(name)
  return found.sort()
}
