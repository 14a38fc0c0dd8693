import { describe, expect, test } from 'vitest'
import { childrenOf, editedOf, entriesOf, entryXml, linkOf, rootOf, titlesOf } from './support/documents.js'
import { ENTRY, FEED, type Instance, newInstance } from './support/server.js'

const APP = 'http://www.w3.org/2007/app'
const DRAFT = `<control xmlns="${APP}"><draft>yes</draft></control>`

async function addEntries(instance: Instance, count: number): Promise<void> {
  for (let i = 1; i <= count; i++) await instance.post('/blog', ENTRY, entryXml(`n${i}`))
}

describe('the service document', () => {
  test('tells workspaces, collections, what they take and their categories', async () => {
    const instance = await newInstance()
    const { text, headers } = await instance.get('/service')
    expect(headers.get('content-type')).toMatch(/^application\/atomsvc\+xml/)
    const workspaces = childrenOf(rootOf(text), 'workspace', APP)
    const collections = workspaces.map((workspace) => childrenOf(workspace, 'collection', APP))
    expect(collections.map((each) => each.map((one) => one.getAttribute('href')))).toEqual([
      ['blog', 'fixed', 'mixed', 'archive'].map((name) => `${instance.url}/${name}`),
      [`${instance.url}/pictures`],
    ])
    const accepts = collections
      .flat()
      .map((each) => childrenOf(each, 'accept', APP).map((one) => one.textContent))
    expect(accepts).toEqual([[ENTRY], [ENTRY], [ENTRY], [''], ['image/*', 'text/plain']])
    const [categories] = childrenOf(collections[0]?.[1] ?? rootOf(text), 'categories', APP)
    expect([categories?.getAttribute('fixed'), categories?.getAttribute('scheme')]).toEqual([
      'yes',
      'urn:kinds',
    ])
    const terms = childrenOf(categories ?? rootOf(text), 'category')
    expect(terms.map((term) => [term.getAttribute('term'), term.getAttribute('label')])).toEqual([
      ['a', 'An A'],
      ['b', null],
    ])
    expect((await instance.get('/')).text).toBe(text)
    const known = { 'If-None-Match': headers.get('etag') ?? '' }
    expect((await instance.get('/service', known)).status).toBe(304)
  })

  test('has the addresses under which the server is known', async () => {
    const instance = await newInstance({ config: { baseUrl: 'https://example.org/atom/' } })
    expect((await instance.get('/service')).text).toContain('href="https://example.org/atom/blog"')
    const { headers } = await instance.post('/blog', ENTRY, entryXml('x'))
    expect(headers.get('location')).toBe('https://example.org/atom/blog/x')
  })
})

describe('feeds', () => {
  test('in pages that lead to each other, from both ends', async () => {
    const instance = await newInstance({ config: { pageSize: 3 } })
    await addEntries(instance, 7)
    const forth = await walk(instance, '/blog', 'next')
    expect(forth.map(({ titles }) => titles)).toEqual([['n7', 'n6', 'n5'], ['n4', 'n3', 'n2'], ['n1']])
    expect(forth.map(({ root }) => linkOf(root, 'first'))).toEqual(Array(3).fill(`${instance.url}/blog`))
    expect(linkOf(forth[0]!.root, 'previous')).toBeUndefined()
    const back = await walk(instance, linkOf(forth[2]!.root, 'previous') ?? '', 'previous')
    expect(back.map(({ titles }) => titles)).toEqual([
      ['n4', 'n3', 'n2'],
      ['n7', 'n6', 'n5'],
    ])
    const last = await walk(instance, linkOf(forth[0]!.root, 'last') ?? '', 'previous')
    expect(last.map(({ titles }) => titles)).toEqual([['n3', 'n2', 'n1'], ['n6', 'n5', 'n4'], ['n7']])
    expect(linkOf(last[0]!.root, 'next')).toBeUndefined()
    // Turned round in the middle.
    const again = await walk(instance, linkOf(last[2]!.root, 'next') ?? '', 'next')
    expect(again.flatMap(({ titles }) => titles)).toEqual(['n6', 'n5', 'n4', 'n3', 'n2', 'n1'])
    for (const { root, href } of [...forth, ...back, ...last]) {
      expect(linkOf(root, 'self')).toBe(new URL(href, instance.url).href)
    }
  })

  test('are ordered by app:edited, whatever date the client sends', async () => {
    const instance = await newInstance()
    await instance.post('/blog', ENTRY, entryXml('new', '<updated>2001-01-01T00:00:00Z</updated>'))
    await instance.post('/blog', ENTRY, entryXml('old', '<updated>1999-01-01T00:00:00Z</updated>'))
    const edited = `<edited xmlns="${APP}">2040-01-01T00:00:00Z</edited>`
    await instance.put('/blog/new', ENTRY, entryXml('new', edited))
    const { text } = await instance.get('/blog')
    expect(titlesOf(text)).toEqual(['new', 'old'])
    const times = entriesOf(text).map((entry) => Date.parse(editedOf(entry) ?? ''))
    expect(times).toEqual(times.toSorted((a, b) => b - a))
    expect(text).not.toContain('2040')
  })

  test('an edit moves an entry to the top while somebody walks, and leaves out nobody else', async () => {
    const instance = await newInstance({ config: { pageSize: 2 } })
    await addEntries(instance, 6)
    const first = await instance.get('/blog')
    await instance.put('/blog/n3', ENTRY, entryXml('n3'))
    const rest = await walk(instance, linkOf(rootOf(first.text), 'next') ?? '', 'next')
    expect([titlesOf(first.text), rest.map(({ titles }) => titles)]).toEqual([
      ['n6', 'n5'],
      [['n4', 'n2'], ['n1']],
    ])
    expect(titlesOf((await instance.get('/blog')).text)).toEqual(['n3', 'n6'])
  })

  test('a page that is none', async () => {
    const instance = await newInstance()
    const paths = ['/blog?after=x', '/blog?before=', '/blog?after=x&last=', '/blog?after=bmljZSB0cnk']
    for (const path of paths) expect((await instance.get(path)).status, path).toBe(400)
    expect((await instance.get('/nowhere')).status).toBe(404)
    expect((await instance.get('/blog/nobody')).status).toBe(404)
    expect((await instance.get('/blog/nobody/else/at/all')).status).toBe(404)
  })

  test('an empty one', async () => {
    const instance = await newInstance()
    for (const path of ['/blog', '/blog?last=']) {
      const { status, text } = await instance.get(path)
      expect([status, titlesOf(text)]).toEqual([200, []])
    }
  })

  test('keep drafts and show them on request', async () => {
    const instance = await newInstance()
    const created = await instance.post('/blog', ENTRY, entryXml('d', DRAFT))
    await instance.post('/blog', ENTRY, entryXml('p'))
    expect(created.text).toContain('<draft>yes</draft>')
    expect(titlesOf((await instance.get('/blog')).text)).toEqual(['p'])
    expect(titlesOf((await instance.get('/blog?drafts=yes')).text)).toEqual(['p', 'd'])
    expect((await instance.get('/blog/d')).text).toContain('<draft>yes</draft>')
    await instance.put('/blog/d', ENTRY, entryXml('d'))
    expect(titlesOf((await instance.get('/blog')).text)).toEqual(['d', 'p'])
  })

  test('pages without drafts are full, and lead to each other from both ends', async () => {
    const instance = await newInstance({ config: { pageSize: 3 } })
    for (let i = 1; i <= 20; i++)
      await instance.post('/blog', ENTRY, entryXml(`n${i}`, i % 4 === 0 || i > 12 ? DRAFT : ''))
    const all = ['n11', 'n10', 'n9', 'n7', 'n6', 'n5', 'n3', 'n2', 'n1']
    const pages = [all.slice(0, 3), all.slice(3, 6), all.slice(6)]
    const forth = await walk(instance, '/blog', 'next')
    expect(forth.map(({ titles }) => titles)).toEqual(pages)
    const back = await walk(instance, linkOf(forth[2]!.root, 'previous') ?? '', 'previous')
    expect(back.map(({ titles }) => titles)).toEqual([pages[1], pages[0], []])
    const last = await walk(instance, '/blog?last=', 'previous')
    // Only behind a page it is known that there are nothing but drafts.
    expect(last.map(({ titles }) => titles)).toEqual([...pages.toReversed(), []])
    expect(titlesOf((await instance.get('/blog?drafts=yes')).text)).toEqual(['n20', 'n19', 'n18'])
  })

  test('a page behind hundreds of drafts is short, and leads on', async () => {
    const instance = await newInstance({ config: { pageSize: 1 } })
    await instance.post('/blog', ENTRY, entryXml('old'))
    for (let i = 0; i < 25; i++) await instance.post('/blog', ENTRY, entryXml('d', DRAFT))
    const pages = await walk(instance, '/blog', 'next')
    expect(pages.map(({ titles }) => titles)).toEqual([[], [], ['old']])
  })

  test('entries that are deleted while somebody walks are left out, and nobody else', async () => {
    const instance = await newInstance({ config: { pageSize: 3 } })
    await addEntries(instance, 12)
    const first = await instance.get('/blog')
    // The last one of the page, and the one behind it: where the next page begins is neither.
    for (const name of ['n10', 'n9', 'n7']) await instance.call('DELETE', `/blog/${name}`)
    const rest = await walk(instance, linkOf(rootOf(first.text), 'next') ?? '', 'next')
    expect(rest.flatMap(({ titles }) => titles)).toEqual(['n8', 'n6', 'n5', 'n4', 'n3', 'n2', 'n1'])
    const back = linkOf(rest[0]!.root, 'previous') ?? ''
    expect(titlesOf((await instance.get(back)).text)).toEqual(['n12', 'n11'])
  })
})

describe('what a collection takes', () => {
  test('nothing, where it is read-only', async () => {
    const instance = await newInstance()
    const answer = await instance.post('/archive', ENTRY, entryXml('x'))
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS'])
    expect((await instance.put('/archive/x', ENTRY, entryXml('x'))).status).toBe(405)
    expect((await instance.call('DELETE', '/archive/x')).status).toBe(405)
    expect((await instance.get('/archive')).status).toBe(200)
  })

  test('only what it says', async () => {
    const instance = await newInstance()
    const types = ['image/png', 'text/xml', 'nonsense', FEED]
    for (const type of types) expect((await instance.post('/blog', type, 'x')).status, type).toBe(415)
    expect((await instance.post('/pictures', ENTRY, entryXml('x'))).status).toBe(415)
    expect((await instance.post('/pictures', 'text/html', 'x')).status).toBe(415)
    expect((await instance.post('/pictures', 'TEXT/Plain; charset=utf-8', 'x')).status).toBe(201)
    expect((await instance.post('/blog', 'application/atom+xml', entryXml('x'))).status).toBe(201)
    expect((await instance.post('/blog', 'application/atom+xml; type="ENTRY"', entryXml('x'))).status).toBe(
      201,
    )
  })

  test('only its categories, where they are fixed', async () => {
    const instance = await newInstance()
    const category = (term: string, scheme?: string) =>
      entryXml('x', `<category term="${term}"${scheme === undefined ? '' : ` scheme="${scheme}"`}/>`)
    const statusOf = async (path: string, body: string) => (await instance.post(path, ENTRY, body)).status
    expect(await statusOf('/fixed', category('a', 'urn:kinds'))).toBe(201)
    for (const body of [category('c', 'urn:kinds'), category('a'), category('a', 'urn:others')])
      expect(await statusOf('/fixed', body)).toBe(400)
    expect(await statusOf('/mixed', category('c', 'urn:kinds'))).toBe(400)
    for (const body of [category('b', 'urn:kinds'), category('anything'), category('a', 'urn:others')])
      expect(await statusOf('/mixed', body)).toBe(201)
    expect(await statusOf('/blog', category('anything'))).toBe(201)
    expect((await instance.put('/fixed/x', ENTRY, category('c', 'urn:kinds'))).status).toBe(400)
  })
})

interface WalkedPage {
  readonly href: string
  readonly root: ReturnType<typeof rootOf>
  readonly titles: readonly (string | undefined)[]
}

async function walk(instance: Instance, path: string, rel: string): Promise<WalkedPage[]> {
  const pages: WalkedPage[] = []
  let href: string | undefined = path
  while (href !== undefined) {
    expect(pages.length).toBeLessThan(20)
    const { text } = await instance.get(href)
    const root = rootOf(text)
    pages.push({ href, root, titles: titlesOf(text) })
    href = linkOf(root, rel)
  }
  return pages
}
