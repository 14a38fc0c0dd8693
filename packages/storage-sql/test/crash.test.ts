import { fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { DATABASE_NAMES, openFresh } from './databases.js'

const IMPORT = new URL('fixtures/import-names.mjs', import.meta.url)

describe.each(DATABASE_NAMES)('a process killed in the middle of an import, on %s', (name) => {
  test('acknowledged files are stored completely, and the import can continue', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const acknowledged: string[] = []
    for (let round = 0; round < 3; round++) {
      const child = fork(IMPORT, [opened.place.url, String(round)])
      const enough = new Promise<void>((resolve) => {
        child.on('message', (each: string) => {
          if (acknowledged.push(each) % 50 === 49) resolve()
        })
      })
      await enough
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    const parts = await storage.getMany(acknowledged.map((each) => storage.info('c', each)))
    const metadata = await storage.getMany(
      acknowledged.map((each) => storage.info('c', each)),
      { part: 'metadata' },
    )
    for (const [index, each] of acknowledged.entries()) {
      expect(parts[index]?.bytes.toString()).toBe(`content of ${each}`)
      expect(metadata[index]?.bytes.toString()).toBe(`metadata of ${each}`)
    }
    // Whatever else was committed is whole too: both parts, and its journal row.
    const rows = await opened.query('SELECT name FROM larder_resource WHERE live = 1')
    const infos = rows.map(({ name: each }) => storage.info('c', String(each)))
    expect((await storage.getMany(infos)).every((part) => part !== undefined)).toBeTruthy()
    expect(
      (await storage.getMany(infos, { part: 'metadata' })).every((part) => part !== undefined),
    ).toBeTruthy()
    expect(await opened.count('journal')).toBe(rows.length)
    expect((await storage.ls('c')).size).toBe(rows.length)
  })
})
