import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, test } from 'vitest'
import { DATABASE_NAMES, openFresh } from './databases.js'

const IMPORT = new URL('fixtures/import-names.mjs', import.meta.url)

describe.each(DATABASE_NAMES)('a process killed in the middle of an import, on %s', (name) => {
  test('what was acknowledged is there, whole, and the import can go on', async () => {
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
      assert.equal(parts[index]?.bytes.toString(), `content of ${each}`)
      assert.equal(metadata[index]?.bytes.toString(), `metadata of ${each}`)
    }
    // Whatever else was committed is whole too: both parts, and its journal row.
    const rows = await opened.query('SELECT name FROM larder_resource WHERE live = 1')
    const infos = rows.map(({ name: each }) => storage.info('c', String(each)))
    assert.ok((await storage.getMany(infos)).every((part) => part !== undefined))
    assert.ok((await storage.getMany(infos, { part: 'metadata' })).every((part) => part !== undefined))
    assert.equal(await opened.count('journal'), rows.length)
    assert.equal((await storage.ls('c')).size, rows.length)
  })
})
