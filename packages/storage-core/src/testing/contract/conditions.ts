import assert from 'node:assert/strict'
import { isStorageError } from '../../errors.js'
import type { Preconditions, WriteResult } from '../../storage.js'
import {
  assertCode,
  assertHasCode,
  assertRefused,
  contentOf,
  metadataOf,
  takeTurns,
  textOf,
} from './assertions.js'
import { group } from './harness.js'

const ROUNDS = 5
const WRITERS = 8

export const conditions = group('conditional writes', (test) => {
  test('ifMatch allows a write with the current tag and with no other', async ({ storage, info }) => {
    await assertCode(storage.putContent(info(), 'x', { ifMatch: '"1"' }), 'E_PRECONDITION_FAILED')
    assert.equal(await storage.exists(info()), false)
    const first = await storage.putContent(info(), 'first')
    const second = await storage.putContent(info(), 'second', { ifMatch: first.etag })
    for (const ifMatch of [first.etag, '"nonsense"', '"0"', `W/${second.etag}`, ['"0"', first.etag]]) {
      await assertCode(storage.putContent(info(), 'late', { ifMatch }), 'E_PRECONDITION_FAILED')
      await assertCode(storage.removeContent(info(), { ifMatch }), 'E_PRECONDITION_FAILED')
    }
    const read = await storage.getContent(info())
    assert.equal(textOf(read), 'second')
    assert.equal(read.version, second.version)
    assert.equal((await storage.removeContent(info(), { ifMatch: second.etag })).changed, true)
  })

  test('conditions accept lists of entity tags and the text of a header', async ({ storage, info }) => {
    let { etag } = await storage.putContent(info(), 'first')
    const holding = [
      (tag: string) => ({ ifMatch: ['"9"', tag] }),
      (tag: string) => ({ ifMatch: `"9", ${tag}` }),
      (tag: string) => ({ ifMatch: { content: [`W/"9",${tag}`] } }),
      () => ({ ifNoneMatch: '"9"' }),
      (tag: string) => ({ ifMatch: tag, ifNoneMatch: ['"8"', 'W/"9"'] }),
    ]
    for (const of of holding) ({ etag } = await storage.putContent(info(), 'second', of(etag)))
    const failing = [
      { ifMatch: '"8", "9"' },
      { ifMatch: [] },
      { ifNoneMatch: `"9", ${etag}` },
      { ifNoneMatch: `W/${etag}` },
      { ifMatch: '*', ifNoneMatch: [etag] },
    ]
    for (const options of failing)
      await assertCode(storage.putContent(info(), 'late', options), 'E_PRECONDITION_FAILED')
    assert.equal(await contentOf(storage, info()), 'second')
  })

  test('text that is no entity tag is E_BAD_REQUEST', async ({ storage, info }) => {
    const { version } = await storage.putContent(info(), 'content')
    for (const text of ['nonsense', String(version), '"1" "2"', '"1', '*, "1"', 'w/"1"', '"a b"']) {
      await assertCode(storage.putContent(info(), 'x', { ifMatch: text }), 'E_BAD_REQUEST')
      await assertCode(storage.removeContent(info(), { ifNoneMatch: [text] }), 'E_BAD_REQUEST')
    }
    assert.equal(await contentOf(storage, info()), 'content')
  })

  test("ifMatch: '*' requires that the part exists", async ({ storage, info }) => {
    await storage.putContent(info(), 'content')
    await assertCode(storage.putMetaData(info(), 'x', { ifMatch: '*' }), 'E_PRECONDITION_FAILED')
    await assertCode(storage.removeMetaData(info(), { ifMatch: '*' }), 'E_PRECONDITION_FAILED')
    assert.equal(await metadataOf(storage, info()), undefined)
    await storage.putContent(info(), 'changed', { ifMatch: '*' })
    assert.equal(await contentOf(storage, info()), 'changed')
    await storage.removeContent(info(), { ifMatch: '*' })
    await assertCode(storage.removeContent(info(), { ifMatch: '*' }), 'E_PRECONDITION_FAILED')
  })

  test("ifNoneMatch: '*' requires that the written part is missing", async ({ storage, info }) => {
    await storage.putContent(info(), 'content', { ifNoneMatch: '*' })
    await assertCode(storage.putContent(info(), 'x', { ifNoneMatch: '*' }), 'E_PRECONDITION_FAILED')
    assert.equal(await contentOf(storage, info()), 'content')
    await storage.putMetaData(info(), 'metadata', { ifNoneMatch: '*' })
    await storage.removeContent(info())
    await storage.putContent(info(), 'again', { ifNoneMatch: '*' })
    assert.equal(await contentOf(storage, info()), 'again')
  })

  test('conditions may name either part, also the one that is not written', async ({ storage, info }) => {
    const content = await storage.putContent(info(), 'content')
    const metadata = await storage.putMetaData(info(), 'metadata')
    const put = (text: string, ifMatch: Preconditions['ifMatch']) =>
      storage.putContent(info(), text, { ifMatch })
    await assertCode(put('x', { metadata: content.etag }), 'E_PRECONDITION_FAILED')
    await assertCode(put('x', { content: content.etag, metadata: content.etag }), 'E_PRECONDITION_FAILED')
    await put('second', { metadata: metadata.etag })
    await put('third', { metadata: '*', content: '*' })
    assert.equal(await contentOf(storage, info()), 'third')
    assert.equal(await metadataOf(storage, info()), 'metadata')
  })

  test('a refused write of both parts writes neither', async ({ storage, supports, info }) => {
    if (!supports.atomicParts) return
    const first = await storage.put(info(), { content: 'c1', metadata: 'm1' })
    const later = await storage.putMetaData(info(), 'm2')
    const both = { content: 'c3', metadata: 'm3' }
    const ifMatch = { content: first.etag, metadata: first.etag }
    await assertCode(storage.put(info(), both, { ifMatch }), 'E_PRECONDITION_FAILED')
    await assertCode(storage.put(info(), both, { ifNoneMatch: '*' }), 'E_PRECONDITION_FAILED')
    await assertCode(storage.remove(info(), { ifMatch }), 'E_PRECONDITION_FAILED')
    assert.equal(await contentOf(storage, info()), 'c1')
    assert.equal(await metadataOf(storage, info()), 'm2')
    await storage.put(info(), both, { ifMatch: { content: first.etag, metadata: later.etag } })
    assert.equal(await contentOf(storage, info()), 'c3')
    await storage.removeContent(info())
    await assertCode(storage.put(info(), both, { ifNoneMatch: '*' }), 'E_PRECONDITION_FAILED')
    assert.equal(await contentOf(storage, info()), undefined)
  })

  test('contradictory conditions are refused', async ({ storage, supports, info }) => {
    const { etag } = await storage.putContent(info(), 'content')
    const senseless: unknown[] = [
      { ifNoneMatch: '*', ifMatch: etag },
      { ifMatch: '' },
      { ifMatch: 7 },
      { ifMatch: null },
      { ifMatch: {} },
      { ifMatch: [7] },
      { ifMatch: { body: etag } },
      { ifMatch: { content: 7 } },
      { ifMatch: { content: '' } },
    ]
    for (const options of senseless) {
      await assertRefused(
        () => storage.putContent(info(), 'x', options as Preconditions),
        JSON.stringify(options),
      )
      await assertRefused(
        () => storage.removeContent(info(), options as Preconditions),
        JSON.stringify(options),
      )
    }
    if (supports.atomicParts) {
      const forOne = { ifMatch: etag } as never
      await assertRefused(() => storage.put(info(), { content: 'x', metadata: 'x' }, forOne))
      await assertRefused(() => storage.remove(info(), forOne))
    }
    assert.equal(await contentOf(storage, info()), 'content')
  })

  test('exactly one of several concurrent creators succeeds', async ({ storage, reopen, info }) => {
    const handles = [storage, (await reopen?.()) ?? storage]
    for (let round = 0; round < ROUNDS; round++) {
      const at = info(`created ${round}`)
      const won = await race((i) => takeTurns(handles, i).putContent(at, `writer ${i}`, { ifNoneMatch: '*' }))
      const read = await storage.getContent(at)
      assert.equal(textOf(read), `writer ${won.writer}`)
      assert.equal(read.version, won.result.version)
    }
  })

  test('exactly one of several concurrent writers with the same tag succeeds', async ({
    storage,
    reopen,
    info,
  }) => {
    const handles = [storage, (await reopen?.()) ?? storage]
    let { etag } = await storage.putContent(info(), 'start')
    for (let round = 0; round < ROUNDS; round++) {
      const ifMatch = etag
      const won = await race((i) => takeTurns(handles, i).putContent(info(), `${round}/${i}`, { ifMatch }))
      etag = won.result.etag
      const read = await storage.getContent(info())
      assert.equal(textOf(read), `${round}/${won.writer}`)
      assert.equal(read.etag, etag)
    }
  })

  test('a counter that conditional writes increment loses no increment', async ({ storage, info }) => {
    await storage.putContent(info(), '0')
    await Promise.all(Array.from({ length: 4 }, () => countUp(5)))
    assert.equal(await contentOf(storage, info()), '20')

    async function countUp(times: number): Promise<void> {
      for (let done = 0; done < times;) {
        const { bytes, etag } = await storage.getContent(info())
        try {
          await storage.putContent(info(), String(Number(textOf({ bytes })) + 1), { ifMatch: etag })
          done++
        } catch (error) {
          if (!isStorageError(error, 'E_PRECONDITION_FAILED') && !isStorageError(error, 'E_CONFLICT'))
            throw error
        }
      }
    }
  })
})

async function race(
  write: (writer: number) => Promise<WriteResult>,
): Promise<{ writer: number; result: WriteResult }> {
  const all = await Promise.allSettled(Array.from({ length: WRITERS }, (_, i) => write(i)))
  const winners = all.flatMap((one, writer) =>
    one.status === 'fulfilled' ? [{ writer, result: one.value }] : [],
  )
  for (const one of all) {
    if (one.status === 'rejected') assertHasCode(one.reason, 'E_PRECONDITION_FAILED', 'E_CONFLICT')
  }
  const [winner] = winners
  assert.ok(winner !== undefined && winners.length === 1, `${winners.length} of ${WRITERS} writers won`)
  return winner
}
