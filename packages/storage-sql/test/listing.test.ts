import type { ListOrder } from '@larder/storage-core'
import type { SqlStorage } from '@larder/storage-sql'
import { describe, expect, test } from 'vitest'
import { DATABASE_NAMES, openFresh } from './databases.js'

async function pages(storage: SqlStorage, order: ListOrder, limit: number, ext?: string): Promise<string[]> {
  const names: string[] = []
  let after: string | undefined
  do {
    const page = await storage.page('c', { order, limit, after, ext })
    names.push(...page.entries.map((entry) => entry.name))
    after = page.next
  } while (after !== undefined)
  return names
}

describe.each(DATABASE_NAMES)('listings on %s', (name) => {
  test('a later write is listed later, also within a millisecond', async () => {
    await using opened = await openFresh(name, { orderByModified: true, now: () => 1_000_000 })
    const { storage } = opened
    const written = Array.from({ length: 30 }, (_, i) => `r${(i * 7) % 30}`)
    for (const each of written) await storage.putContent(storage.info('c', each), each)
    await storage.putMetaData(storage.info('c', 'r0'), 'later')
    const oldest = [...written.filter((each) => each !== 'r0'), 'r0']
    for (const limit of [1, 4, 100]) {
      expect(await pages(storage, 'oldest', limit)).toEqual(oldest)
      expect(await pages(storage, 'newest', limit)).toEqual([...oldest].reverse())
    }
  })

  test('a clock that is set back does not put a write behind the one it replaces', async () => {
    let now = 2_000_000
    await using opened = await openFresh(name, { now: () => now })
    const { storage } = opened
    const first = await storage.putContent(storage.info('c', 'r'), '1')
    now = 1_000_000
    const other = await opened.another()
    const second = await other.putContent(other.info('c', 'r'), '2')
    expect(second.modifiedAt.getTime()).toBeGreaterThanOrEqual(first.modifiedAt.getTime())
    expect((await storage.page('c')).entries[0]?.modifiedAt.getTime()).toBe(second.modifiedAt.getTime())
  })

  test('ext is text, never a pattern', async () => {
    await using opened = await openFresh(name, { orderByModified: true })
    const { storage } = opened
    const names = [
      'a.atom',
      'b.xatom',
      'b.Atom',
      '.atom',
      'c.%',
      'd._',
      'e.\\',
      "f.'",
      'g.a%',
      'ü.ätöm',
      'h.atom ',
      'atom',
    ]
    await Promise.all(names.map((each) => storage.putContent(storage.info('c', each), each)))
    for (const ext of ['atom', '%', '_', '\\', "'", 'a%', 'ätöm', 'a', '?']) {
      const expected = names.filter((each) => each.endsWith(`.${ext}`)).sort()
      expect([...(await storage.ls('c', ext)).keys()].sort(), ext).toEqual(expected)
      expect((await pages(storage, 'name', 2, ext)).sort(), ext).toEqual(expected)
      expect((await pages(storage, 'newest', 2, ext)).sort(), ext).toEqual(expected)
    }
  })

  test('pages shift nothing while others write and remove', async () => {
    await using opened = await openFresh(name, { orderByModified: true })
    const { storage } = opened
    const stays = Array.from({ length: 200 }, (_, i) => `stays-${String(i).padStart(3, '0')}`)
    await Promise.all(stays.map((each) => storage.putContent(storage.info('c', each), each)))
    let stop = false
    const noise = (async () => {
      for (let i = 0; !stop; i++) {
        const info = storage.info('c', `stays-${String(i % 200).padStart(3, '0')}-noise`)
        await storage.putContent(info, 'x')
        if (i % 2 === 0) await storage.remove(info)
      }
    })()
    try {
      for (let round = 0; round < 3; round++) {
        for (const order of ['name', 'oldest', 'newest'] as const) {
          const seen = (await pages(storage, order, 17)).filter((each) => !each.endsWith('-noise'))

          expect([...seen].sort()).toEqual(stays)
        }
      }
    } finally {
      stop = true
      await noise
    }
  })

  test('removed members are not listed, in any order', async () => {
    await using opened = await openFresh(name, { orderByModified: true })
    const { storage } = opened
    for (const each of ['a', 'b', 'c']) await storage.putContent(storage.info('c', each), each)
    await storage.remove(storage.info('c', 'b'))
    for (const order of ['name', 'oldest', 'newest'] as const) {
      expect((await pages(storage, order, 10)).sort()).toEqual(['a', 'c'])
    }
  })

  test('more members than one batch holds', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    await storage.putContent(storage.info('c', 'first'), '1')
    await fill(opened, 12_000)
    expect((await storage.ls('c')).size).toBe(12_001)
    const names = new Set<string>()
    for await (const [each] of storage.ils('c')) names.add(each)
    expect(names.size).toBe(12_001)
    expect((await storage.getMany([...names].map((each) => storage.info('c', each)))).length).toBe(12_001)
  })

  test('a position that is none is refused', async () => {
    await using opened = await openFresh(name, { orderByModified: true })
    const { next } = await firstPage(opened.storage)
    const [fingerprint] = JSON.parse(Buffer.from(next, 'base64url').toString()) as [string]
    for (const position of ['', 'x', '1', '-1 a', "1' a", '1 ']) {
      const after = Buffer.from(JSON.stringify([fingerprint, position])).toString('base64url')
      await expect(opened.storage.page('c', { order: 'newest', after })).rejects.toMatchObject({
        code: 'E_BAD_REQUEST',
      })
    }
  })
})

async function firstPage(storage: SqlStorage): Promise<{ readonly next: string }> {
  for (const each of ['a', 'b']) await storage.putContent(storage.info('c', each), each)
  const { next } = await storage.page('c', { order: 'newest', limit: 1 })
  expect.assert(next !== undefined)
  return { next }
}

/** Members without content of their own, past the storage: writing so many through it takes long. */
async function fill(opened: Awaited<ReturnType<typeof openFresh>>, count: number): Promise<void> {
  for (let start = 0; start < count; start += 2_000) {
    const rows = Array.from(
      { length: 2_000 },
      (_, i) => `(1, 'member-${start + i}', 1, 1, ${start + i}, 1, 1, 0)`,
    )
    await opened.query(
      'INSERT INTO larder_resource (container_id, name, live, version, modified_us, content_version, ' +
        `content_modified_us, content_size) VALUES ${rows.join(', ')}`,
    )
  }
}
