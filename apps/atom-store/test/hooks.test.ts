import { type HookEvent, type Hooks, Problem } from 'atom-store'
import { describe, expect, test } from 'vitest'
import { entryXml, rootOf, titlesOf, wordOf } from './support/documents.js'
import { ENTRY, newInstance } from './support/server.js'

const STAGES = [
  'beforeCreate',
  'afterCreate',
  'beforeUpdate',
  'afterUpdate',
  'beforeDelete',
  'afterDelete',
] as const

/** Hooks that write down that they were called. */
function recording(into: string[], options: Pick<Hooks, 'types' | 'collections'> = {}): Hooks {
  const record = (stage: string) => (event: HookEvent) =>
    void into.push(
      `${stage} ${event.collection}/${event.name ?? '?'} ${event.mediaType} ${event.entry.title}`,
    )
  const stages = Object.fromEntries(STAGES.map((stage) => [stage, record(stage)]))
  return { ...options, ...stages, onError: record('onError') }
}

describe('hooks', () => {
  test('are called before and after, for their types and collections', async () => {
    const all: string[] = []
    const pictures: string[] = []
    const elsewhere: string[] = []
    const hooks = [
      recording(all),
      recording(pictures, { types: ['image/*'] }),
      recording(elsewhere, { collections: ['fixed'] }),
    ]
    const instance = await newInstance({ hooks })
    await instance.post('/blog', ENTRY, entryXml('one'))
    await instance.put('/blog/one', ENTRY, entryXml('two'))
    await instance.call('DELETE', '/blog/one')
    await instance.post('/pictures', 'image/png', 'x', { Slug: 'p' })
    await instance.put('/pictures/p/media', 'image/jpeg', 'y')
    expect(all.slice(0, 6)).toEqual([
      `beforeCreate blog/? ${ENTRY} one`,
      `afterCreate blog/one ${ENTRY} one`,
      `beforeUpdate blog/one ${ENTRY} two`,
      `afterUpdate blog/one ${ENTRY} two`,
      `beforeDelete blog/one ${ENTRY} two`,
      `afterDelete blog/one ${ENTRY} two`,
    ])
    expect(pictures).toEqual(all.slice(6))
    expect(pictures).toEqual([
      'beforeCreate pictures/? image/png p',
      'afterCreate pictures/p image/png p',
      'beforeUpdate pictures/p image/jpeg p',
      'afterUpdate pictures/p image/jpeg p',
    ])
    expect(elsewhere).toEqual([])
  })

  test('can change the stored entry', async () => {
    const beforeCreate = ({ entry }: HookEvent) => entry.xml.replace('</title>', '!</title>')
    const instance = await newInstance({ hooks: [{ beforeCreate }, { beforeCreate }] })
    const { text } = await instance.post('/blog', ENTRY, entryXml('x'))
    expect(wordOf(rootOf(text), 'title')).toBe('x!!')
    const broken = await newInstance({ hooks: [{ beforeCreate: () => 'no entry' }] })
    expect((await broken.post('/blog', ENTRY, entryXml('x'))).status).toBe(500)
  })

  test.each(STAGES)('what %s throws stops it, and nothing of it is stored', async (stage) => {
    const error = new Error('the hook is broken')
    let isArmed = false
    const stop = () => {
      if (isArmed) throw error
    }
    const told: unknown[] = []
    const onError = (_: HookEvent, given: unknown) => void told.push(given)
    const instance = await newInstance({ hooks: [{ [stage]: stop, onError }] })
    await instance.post('/pictures', 'image/png', 'x', { Slug: 'p' })
    const [media, feed] = [await instance.get('/pictures/p/media'), await instance.get('/pictures')]
    isArmed = true
    const act: Readonly<Record<string, () => Promise<{ status: number }>>> = {
      Create: () => instance.post('/pictures', 'image/png', 'y', { Slug: 'q' }),
      Update: () => instance.put('/pictures/p/media', 'image/png', 'z'),
      Delete: () => instance.call('DELETE', '/pictures/p'),
    }
    const action = stage.replace(/^before|^after/, '')
    expect((await act[action]!()).status).toBe(500)
    expect(told).toMatchObject([{ cause: error }])
    expect(instance.faults).toEqual([error])
    isArmed = false
    const after = [await instance.get('/pictures/p/media'), await instance.get('/pictures')]
    expect(after.map(({ text }) => text)).toEqual([media.text, feed.text])
    expect(after[0]?.headers.get('etag')).toBe(media.headers.get('etag'))
  })

  test('a Problem is the answer', async () => {
    const beforeDelete = () => {
      throw new Problem(403, 'This one stays')
    }
    const instance = await newInstance({ hooks: [{ beforeDelete }] })
    await instance.post('/blog', ENTRY, entryXml('x'))
    const answer = await instance.call('DELETE', '/blog/x')
    expect([answer.status, answer.text]).toEqual([403, 'This one stays\n'])
    expect(titlesOf((await instance.get('/blog')).text)).toEqual(['x'])
    expect(instance.faults).toEqual([])
  })

  test('onError hears of what clients do wrong, and cannot make it worse', async () => {
    const told: unknown[] = []
    const onError = (_: HookEvent, error: unknown) => {
      told.push((error as Problem).status)
      throw new Error('once more')
    }
    const instance = await newInstance({ hooks: [{ onError }] })
    await instance.post('/blog', ENTRY, entryXml('x'))
    expect((await instance.put('/blog/x', ENTRY, entryXml('x'), { 'If-Match': '"old"' })).status).toBe(412)
    expect(told).toEqual([412])
  })
})
