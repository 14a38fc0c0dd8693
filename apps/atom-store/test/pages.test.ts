import { expect, test } from 'vitest'
import { entryXml } from './support/documents.js'
import { servePages } from './support/pages.js'

const HTML = { Accept: 'text/html' }
const ATOM = 'application/atom+xml;type=entry'

function form(fields: Readonly<Record<string, string>>): RequestInit {
  return { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' }
}

async function pageAt(url: string): Promise<string> {
  const response = await fetch(url, { headers: HTML })
  expect(response.headers.get('content-type')).toBe('text/html;charset=utf-8')
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  return response.text()
}

function tagIn(page: string): string {
  return (/name="etag" value="([^"]*)"/.exec(page)?.[1] ?? '').replaceAll('&quot;', '"')
}

test('saving a form keeps the parts of an entry that the form does not show', async () => {
  const [url = ''] = await servePages()
  const xml = `<entry xmlns="http://www.w3.org/2005/Atom" xmlns:x="urn:x"><title type="html">&lt;b>Old&lt;/b></title>
    <category term="note" scheme="urn:example:kind"/><category term="mine" scheme="urn:elsewhere"/>
    <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Old</p></div></content><x:weight>5</x:weight>
    <control xmlns="http://www.w3.org/2007/app"><x:flag/></control></entry>`
  // The collection that takes any category: the fixed one would refuse the scheme from elsewhere.
  const posted = await fetch(`${url}/journal`, {
    method: 'POST',
    headers: { 'Content-Type': ATOM },
    body: xml,
  })
  expect(posted.status).toBe(201)
  const location = posted.headers.get('location') ?? ''
  const name = location.split('/').at(-1) ?? ''
  const edit = `${url}/pages/journal/${name}/edit`
  const page = await pageAt(edit)
  expect(page).toContain('&lt;p&gt;Old&lt;/p&gt;')
  const fields = {
    etag: tagIn(page),
    title: 'New <i>',
    text: '<p>New</p>',
    type: 'html',
    category: 'essay\nurn:example:kind',
    draft: 'on',
  }
  expect((await fetch(edit, form(fields))).status).toBe(303)
  const stored = await (await fetch(location)).text()
  expect(stored).toContain('<title type="text">New &lt;i&gt;</title>')
  expect(stored).toMatch(/<content type="html">&lt;p(>|&gt;)New/)
  expect(stored).toContain('<x:weight>5</x:weight>')
  expect(stored).toMatch(/<x:flag\/>/)
  expect(stored).toMatch(/draft[^>]*>yes</)
  expect(stored).toContain('urn:elsewhere')
  expect(stored).toMatch(/<category scheme="urn:example:kind" term="essay"/)
  expect(stored).not.toContain('term="note"')
})

test('a text keeps the line break that it begins with', async () => {
  const [url = ''] = await servePages()
  const edit = `${url}/pages/journal/things-to-mend/edit`
  const fields = { etag: tagIn(await pageAt(edit)), title: 'x', type: 'text', text: '\r\nSecond line' }
  expect((await fetch(edit, form(fields))).status).toBe(303)
  // A browser drops the first line break, whatever is behind it.
  expect(await pageAt(edit)).toContain('<textarea name="text">\n\nSecond line</textarea>')
})

test('an edit of an entry that somebody else changed keeps the text and asks', async () => {
  const [url = ''] = await servePages()
  const edit = `${url}/pages/journal/things-to-mend/edit`
  const etag = tagIn(await pageAt(edit))
  const fields = { etag, type: 'html', text: 'x' }
  expect((await fetch(edit, form({ ...fields, title: 'Theirs' }))).status).toBe(303)
  const conflict = await fetch(edit, form({ ...fields, title: 'Mine & more' }))
  expect(conflict.status).toBe(409)
  const page = await conflict.text()
  expect(page).toContain('&quot;Theirs&quot;')
  expect(page).toContain('value="Mine &amp; more"')
  expect(await pageAt(`${url}/journal/things-to-mend`)).toContain('<h1>Theirs')
  expect((await fetch(edit, form({ ...fields, etag: tagIn(page), title: 'Mine' }))).status).toBe(303)
  expect(await pageAt(`${url}/journal/things-to-mend`)).toContain('<h1>Mine')
  const late = await fetch(`${url}/pages/journal/things-to-mend/delete`, form({ etag }))
  expect(late.status).toBe(412)
})

test('nothing that a client has written runs in a page', async () => {
  const [url = ''] = await servePages()
  const evil =
    '<script>alert(1)</script><img src="x" onerror="alert(2)"><a href="javascript:alert(3)">a</a><p style="position:fixed">p</p><form action="/x"><input name="password"></form>'
  const escaped = evil.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const xml = `<entry xmlns="http://www.w3.org/2005/Atom"><title>&lt;script>t&lt;/script></title><content type="html">${escaped}</content></entry>`
  const posted = await fetch(`${url}/journal`, {
    method: 'POST',
    headers: { 'Content-Type': ATOM, Slug: 'evil' },
    body: xml,
  })
  expect(posted.status).toBe(201)
  for (const path of ['/journal/evil', '/journal', '/', '/pages/search?q=script&category=%3Cscript%3E']) {
    const page = await pageAt(`${url}${path}`)
    expect(page).not.toMatch(/<script|onerror|javascript:|style="|name="password"/)
  }
})

test('a search covers all entries, page by page', async () => {
  const [url = ''] = await servePages({ pageSize: 10 })
  for (let i = 1; i <= 300; i++) {
    const title = i % 20 === 0 ? `A find ${i}` : `Nothing ${i}`
    const options = { method: 'POST', headers: { 'Content-Type': ATOM }, body: entryXml(title) }
    expect((await fetch(`${url}/journal`, options)).status).toBe(201)
  }
  const found: string[] = []
  let next: string | undefined = '/pages/search?q=f\u{ef}nd'
  while (next !== undefined) {
    const page = await pageAt(`${url}${next}`)
    found.push(...Array.from(page.matchAll(/>(A find \d+)</g), ([, title = '']) => title))
    next = /href="([^"]+)">Older in Journal</.exec(page)?.[1]?.replaceAll('&amp;', '&')
  }
  expect(found).toEqual(Array.from({ length: 15 }, (_, i) => `A find ${300 - 20 * i}`))
})

test('an error page has the status that a program would get', async () => {
  const [url = ''] = await servePages({ maxMediaBytes: 1_000 })
  const statusOf = async (path: string, init: RequestInit = {}): Promise<[number, string]> => {
    const response = await fetch(`${url}${path}`, { headers: HTML, ...init })
    return [response.status, await response.text()]
  }
  for (const path of ['/journal/nothing', '/nowhere', '/nowhere/at/all', '/journal?after=x']) {
    const [status, page] = await statusOf(path)
    expect([path, status]).toEqual([path, path.includes('?') ? 400 : 404])
    expect(page).toMatch(/<p class="problem" role="alert">[^<]+\.<\/p>/)
  }
  expect((await statusOf('/pages/search?in=nowhere'))[0]).toBe(404)
  expect((await statusOf('/pages/archive/new'))[0]).toBe(405)
  expect((await statusOf('/pages/pictures/new'))[0]).toBe(415)
  expect((await statusOf('/pages/journal/new', form({ title: ' ' })))[0]).toBe(400)
  const [status, page] = await statusOf(
    '/pages/journal/new',
    form({ title: 'Kept', text: 'what I wrote', category: 'none\nurn:example:kind' }),
  )
  expect(status).toBe(400)
  expect(page).toContain('what I wrote')
  const upload = (name: string, type: string, size: number): RequestInit => {
    const body = new FormData()
    body.set('title', 'A file')
    body.set('file', new Blob(['x'.repeat(size)], { type }), name)
    return { method: 'POST', body, redirect: 'manual' }
  }
  expect((await statusOf('/pages/pictures/upload', upload('a.txt', 'text/plain', 5)))[0]).toBe(415)
  expect((await statusOf('/pages/pictures/upload', upload('a.png', 'image/png', 5_000)))[0]).toBe(413)
  expect((await statusOf('/pages/pictures/upload', upload('', 'image/png', 0)))[0]).toBe(400)
  expect((await statusOf('/pages/pictures/upload', upload('a.png', 'image/png', 500)))[0]).toBe(303)
  const elsewhere = { ...form({ title: 'x' }), headers: { Origin: 'https://elsewhere.example' } }
  expect((await statusOf('/pages/journal/new', elsewhere))[0]).toBe(403)
  const feed = await (await fetch(`${url}/pictures`)).text()
  expect(feed.match(/<entry/g)).toHaveLength(2)
})

test('a reader sees no drafts and no forms that work until he signs in', async () => {
  const tokens = [{ name: 'ann', sha256: '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b' }]
  const [url = ''] = await servePages({ auth: { tokens } })
  const home = await pageAt(url)
  expect(home).toContain('Sign in')
  expect(await pageAt(`${url}/pages/search?q=unfinished`)).toContain('Nothing found')
  expect((await fetch(`${url}/pages`)).status).toBe(401)
  expect((await fetch(`${url}/pages/journal/new`, form({ title: 'x' }))).status).toBe(401)
  expect((await fetch(`${url}/pages/statistics`)).status).toBe(401)
  const signedIn = { ...HTML, Authorization: 'Bearer secret' }
  const drafts = await (await fetch(`${url}/pages/search?q=UNFINISHED`, { headers: signedIn })).text()
  expect(drafts).toContain('An unfinished letter')
  expect(drafts).toContain('<span>ann</span>')
})
