import assert from 'node:assert/strict'
import { etagOf } from '../../resource.js'
import type { WriteResult } from '../../storage.js'
import { takeTurns } from './assertions.js'
import { group } from './harness.js'

export const versions = group('versions', (test) => {
  test('a version is a safe integer of at least 1, and the entity tag is its text', async ({
    storage,
    info,
  }) => {
    const { version, etag } = await storage.putContent(info(), 'x')
    assert.ok(Number.isSafeInteger(version) && version >= 1, `${version} is no version`)
    assert.equal(etag, etagOf(version))
  })

  test('every write increases the version, also with the same bytes', async ({ storage, info }) => {
    const seen: number[] = []
    for (let i = 0; i < 5; i++) seen.push((await storage.putContent(info(), 'same')).version)
    for (let i = 0; i < 5; i++) seen.push((await storage.putMetaData(info(), 'same')).version)
    seen.push((await storage.putContent(info(), 'same')).version)
    assertGrows(seen)
  })

  test('a version never starts again, also after a removal', async ({ storage, supports, info }) => {
    const results: WriteResult[] = []
    for (let i = 0; i < 3; i++) {
      results.push(await storage.putContent(info(), 'x'))
      results.push(await storage.removeContent(info()))
      results.push(await storage.putMetaData(info(), 'x'))
      results.push(await storage.removeMetaData(info()))
      if (!supports.atomicParts) continue
      results.push(await storage.put(info(), { content: 'x', metadata: 'x' }))
      results.push(await storage.remove(info()))
    }
    assertGrows(results.map((result) => result.version))
  })

  test('a part that is created again has a new version', async ({ storage, info }) => {
    const old = await storage.putContent(info(), 'old')
    await storage.putMetaData(info(), 'stays')
    await storage.removeContent(info())
    const back = await storage.putContent(info(), 'old')
    assert.notEqual(back.etag, old.etag)
    assert.ok(back.version > old.version)
    assert.equal((await storage.getContent(info())).version, back.version)
  })

  test('concurrent writes have different versions, and readers get the highest', async ({
    storage,
    reopen,
    info,
  }) => {
    const handles = [storage, (await reopen?.()) ?? storage]
    const all = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => ({
        text: `writer ${i}`,
        version: (await takeTurns(handles, i).putContent(info(), `writer ${i}`)).version,
      })),
    )
    assert.equal(new Set(all.map((one) => one.version)).size, all.length, 'two writes have the same version')
    all.sort((a, b) => a.version - b.version)
    const last = await storage.getContent(info())
    assert.equal(Buffer.from(last.bytes).toString(), all.at(-1)?.text)
    assert.equal(last.version, all.at(-1)?.version)
  })

  test('versions keep growing in a second handle', async ({ storage, reopen, info }) => {
    const second = await reopen?.()
    if (second === undefined) return
    const seen: number[] = []
    for (let i = 0; i < 3; i++) {
      seen.push((await storage.putContent(info(), 'x')).version)
      seen.push((await second.removeContent(info())).version)
      seen.push((await second.putContent(info(), 'x')).version)
    }
    assertGrows(seen)
  })
})

function assertGrows(seen: readonly number[]): void {
  for (const [i, version] of seen.entries()) {
    const before = seen[i - 1]
    assert.ok(before === undefined || version > before, `versions ${seen.join(', ')}`)
  }
}
