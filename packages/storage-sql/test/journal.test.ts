import type { JournalRow } from '@larder/storage-core/driver'
import { describe, expect, test } from 'vitest'
import { DATABASE_NAMES, gate, openFresh, type OpenPlace } from './databases.js'

async function journaled({ storage }: OpenPlace, ...keys: readonly string[]): Promise<string> {
  const transaction = { journal: keys, beforeCommit: async () => undefined }
  const { journalId } = await storage.putContent(storage.info('c', 'r'), 'x', { transaction })
  expect.assert(journalId !== undefined)
  return journalId
}

const none = async () => []

describe.each(DATABASE_NAMES)('the journal on %s', (name) => {
  test('rows that cannot be settled do not keep others from it', async () => {
    await using opened = await openFresh(name)
    for (let i = 0; i < 5; i++) await journaled(opened, `k:dead ${i}`)
    const alive = await journaled(opened, 'k:alive')
    const seen: string[] = []
    const work = async (rows: readonly JournalRow[]) => {
      seen.push(...rows.map(({ id }) => id))
      return rows.flatMap(({ id }) => (id === alive ? [id] : []))
    }
    const request = { olderThanMs: 0, keyPrefix: 'k:', limit: 3 }
    for (let i = 0; i < 2; i++) await opened.storage.claim(request, work)
    expect(seen.includes(alive), seen.join()).toBeTruthy()
    // And those are tried again.
    for (let i = 0; i < 2; i++) await opened.storage.claim(request, work)
    expect(new Set(seen).size).toBe(6)
    expect(seen.length).toBeGreaterThan(6)
  })

  test('a relay that took too long does not take the rows from the one that has them now', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    await journaled(opened, 'k')
    const request = { olderThanMs: 0 }
    const slow = gate()
    const slowHas = gate()
    const next = gate()
    const nextHas = gate()
    const first = storage.claim(request, async () => {
      slowHas.open()
      await slow.opened
      return []
    })
    await slowHas.opened
    // As if the time of the claim had passed.
    await opened.query('UPDATE larder_journal SET claimed_until_ms = 1')
    const second = storage.claim(request, async () => {
      nextHas.open()
      await next.opened
      return []
    })
    await nextHas.opened
    slow.open()
    await first
    expect(await storage.claim(request, none)).toBe(0)
    next.open()
    await second
    expect(await storage.claim(request, none)).toBe(1)
  })

  test('rows and claims of a clock that was set back do not wait for it', async () => {
    await using opened = await openFresh(name)
    await journaled(opened, 'k')
    const due = () => opened.storage.claim({ olderThanMs: 600_000 }, none)
    expect(await due()).toBe(0)
    await opened.query('UPDATE larder_journal SET created_ms = created_ms + 3600000')
    expect(await due()).toBe(1)
    await opened.query('UPDATE larder_journal SET claimed_until_ms = created_ms')
    expect(await due()).toBe(1)
    await opened.query(`UPDATE larder_journal SET claimed_until_ms = ${Date.now() + 20_000}`)
    expect(await due()).toBe(0)
  })

  test('of many that cannot be settled the newest stays for each resource, once no writer can settle them', async () => {
    await using opened = await openFresh(name)
    const transaction = { journal: ['k'], beforeCommit: async () => undefined }
    const write = async (resource: string) =>
      opened.storage.putContent(opened.storage.info('c', resource), 'x', { transaction })
    for (let i = 0; i < 10; i++) for (const resource of ['a', 'b', 'c']) await write(resource)
    const other = { ...transaction, journal: ['k', 'another'] }
    await opened.storage.putContent(opened.storage.info('c', 'a'), 'x', { transaction: other })
    await opened.query('UPDATE larder_journal SET created_ms = created_ms - 120000')
    await write('a')
    expect(await opened.storage.claim({ olderThanMs: 0, limit: 10 }, none)).toBe(10)
    const rows = await opened.query('SELECT version FROM larder_journal ORDER BY version')
    expect(rows.map(({ version }) => Number(version))).toEqual([10, 10, 10, 11, 12])
  })

  test('rows with similar keys do not take the place of the requested ones', async () => {
    await using opened = await openFresh(name)
    for (const other of ['K:1', 'a"k:', 'a","k:', ',k:', '[k:', '"k:', '\\"k:', 'k\\:', 'a,"k:']) {
      await journaled(opened, other)
    }
    const mine = [await journaled(opened, 'other', 'k:2'), await journaled(opened, 'k:3', 'other')]
    const seen: string[] = []
    for (let i = 0; i < 2; i++) {
      await opened.storage.claim({ olderThanMs: 0, keyPrefix: 'k:', limit: 1 }, async (rows) => {
        seen.push(...rows.map(({ id }) => id))
        return []
      })
    }
    expect(seen).toEqual(mine)
  })

  test.each(['["k:1"', '["k:1",2', '"k:', '{"a":1,"k:":2}'])(
    'a row with %s for keys is left',
    async (keys) => {
      await using opened = await openFresh(name)
      await journaled(opened, 'k:0')
      await opened.query(`UPDATE larder_journal SET cache_keys = '${keys}'`)
      const mine = await journaled(opened, 'k:2')
      const seen: string[] = []
      const count = await opened.storage.claim(
        { olderThanMs: 0, keyPrefix: 'k:', limit: 1 },
        async (rows) => {
          seen.push(...rows.map(({ id }) => id))
          return seen
        },
      )
      expect(count).toBe(1)
      expect(seen).toEqual([mine])
      expect(await opened.count('journal')).toBe(1)
    },
  )
})
