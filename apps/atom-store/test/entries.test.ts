import { describe, expect, test } from 'vitest'
import { childrenOf, entryXml, rootOf, wordOf } from './support/documents.js'
import { ENTRY, newInstance } from './support/server.js'

describe('what is no entry is refused', () => {
  const ATOM = 'http://www.w3.org/2005/Atom'
  test.each([
    ['no XML', 'hello', 400],
    ['nothing', '', 400],
    ['an element that is not closed', `<entry xmlns="${ATOM}"><title>x</entry>`, 400],
    ['another document', '<feed xmlns="http://www.w3.org/2005/Atom"/>', 400],
    ['an entry without the namespace', '<entry><title>x</title></entry>', 400],
    ['an entry without a title', `<entry xmlns="${ATOM}"><content>x</content></entry>`, 400],
    ['two titles', `<entry xmlns="${ATOM}"><title>x</title><title>y</title></entry>`, 400],
    ['a title of an unknown type', `<entry xmlns="${ATOM}"><title type="rtf">x</title></entry>`, 400],
    ['a date that is none', entryXml('x', '<updated>yesterday</updated>'), 400],
    ['a category without a term', entryXml('x', '<category label="y"/>'), 400],
    ['a draft that is neither', entryXml('x', draft('perhaps')), 400],
    ['a content that is no XHTML', entryXml('x').replace('<content>', '<content type="xhtml">'), 400],
    ['elements in a text', entryXml('x', '<summary type="html"><b>y</b></summary>'), 400],
    ['a content here and elsewhere', entryXml('x').replace('<content>', '<content src="urn:x">'), 400],
    ['an author without a name', entryXml('x', '<author><uri>urn:x</uri></author>'), 400],
    ['a link that leads nowhere', entryXml('x', '<link rel="related"/>'), 400],
    ['UTF-8 that says it is UTF-16', `<?xml version="1.0" encoding="utf-16"?>${entryXml('x')}`, 400],
    ['an entry in UTF-16 that does not say so', Buffer.from(entryXml('x'), 'utf16le'), 400],
    ['a prefix without a namespace', entryXml('x', '<f:y/>'), 400],
    ['a prefix of an attribute without a namespace', entryXml('x', '<y f:z="1"/>'), 400],
    ['a character that XML does not have', entryXml('x&#1;'), 400],
    ['such a character in an attribute', entryXml('x', '<y z="&#1;"/>'), 400],
    ['bytes that are no UTF-8', Buffer.from(entryXml('caf\u{e9}'), 'latin1'), 400],
    ['an encoding that is not known', `<?xml version="1.0" encoding="koi8-r"?>${entryXml('x')}`, 415],
    ['a document type', `<!DOCTYPE entry>${entryXml('x')}`, 400],
    ['an entity of its own', `<!DOCTYPE entry [<!ENTITY e "boo">]>${entryXml('&e;')}`, 400],
    [
      'an external entity',
      `<!DOCTYPE entry [<!ENTITY e SYSTEM "file:///etc/passwd">]>${entryXml('&e;')}`,
      400,
    ],
    ['an entity that is not defined', entryXml('a&nbsp;b'), 400],
    ['elements nested without end', entryXml('x', '<a>'.repeat(5_000) + '</a>'.repeat(5_000)), 400],
  ] as const)('%s', async (_, body, status) => {
    const instance = await newInstance()
    const answer = await instance.post('/blog', ENTRY, body)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'text/plain; charset=UTF-8'])
    expect(answer.text).toMatch(/^.{5,}\n$/)
    const { entries } = await instance.store.collection('blog')!.page()
    expect([entries, instance.faults]).toEqual([[], []])
  })

  test('entities that would expand to gigabytes, at once', async () => {
    const instance = await newInstance()
    const entities = Array.from({ length: 9 }, (_, i) => `<!ENTITY a${i + 1} "${`&a${i};`.repeat(10)}">`)
    const bomb = `<!DOCTYPE entry [<!ENTITY a0 "ha">${entities.join('')}]>${entryXml('&a9;')}`
    expect((await instance.post('/blog', ENTRY, bomb)).status).toBe(400)
  })
})

describe('what is an entry is taken', () => {
  test('in UTF-16 with a byte order mark', async () => {
    const instance = await newInstance()
    const body = Buffer.from(
      `\u{feff}<?xml version="1.0" encoding="utf-16"?>${entryXml('\u{e9}t\u{e9}')}`,
      'utf16le',
    )
    const answer = await instance.post('/blog', ENTRY, body)
    expect([answer.status, wordOf(rootOf(answer.text), 'title')]).toEqual([201, '\u{e9}t\u{e9}'])
  })

  test('in the encoding that Content-Type tells, which counts more than that of the document', async () => {
    const instance = await newInstance()
    const body = Buffer.from(`<?xml version="1.0" encoding="koi8-r"?>${entryXml('\u{e9}t\u{e9}')}`, 'utf16le')
    const answer = await instance.post('/blog', `${ENTRY};charset="UTF-16LE"`, body)
    expect([answer.status, wordOf(rootOf(answer.text), 'title')]).toEqual([201, '\u{e9}t\u{e9}'])
    const other = await instance.post('/blog', `${ENTRY};charset=iso-8859-1`, entryXml('x'))
    expect(other.status).toBe(415)
  })

  test('with the five entities of XML, and CDATA', async () => {
    const instance = await newInstance()
    const answer = await instance.post(
      '/blog',
      ENTRY,
      entryXml('&lt;&amp;&#x26;&gt;', '<rights><![CDATA[a < b ]]></rights>'),
    )
    expect(wordOf(rootOf(answer.text), 'title')).toBe('<&&>')
    expect(wordOf(rootOf(answer.text), 'rights')).toBe('a < b ')
  })

  test('is completed and gets an id of the store', async () => {
    const instance = await newInstance()
    const answer = await instance.post('/blog', ENTRY, entryXml('x', '<id>urn:of-the-client</id>'))
    const entry = rootOf(answer.text)
    expect(wordOf(entry, 'id')).toMatch(/^urn:uuid:/)
    for (const name of ['updated', 'published'])
      expect(Date.parse(wordOf(entry, name) ?? '')).toBeGreaterThan(0)
    expect(childrenOf(entry, 'author')).toHaveLength(1)
    // RFC 4287 asks for a link where there is no content.
    const bare = await instance.post('/blog', ENTRY, entryXml('bare').replace(/<content>.*<\/content>/, ''))
    expect(bare.text).toContain('rel="alternate"')
    expect(answer.text).not.toContain('rel="alternate"')
  })

  test('is accepted with any namespace prefixes, and unknown elements are kept', async () => {
    const instance = await newInstance()
    const body =
      '<a:entry xmlns:a="http://www.w3.org/2005/Atom" xmlns="urn:default" xmlns:f="urn:foreign" xml:lang="de" f:on="entry">' +
      '<a:title>Vorher</a:title><a:summary type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><b>fett</b></div></a:summary>' +
      '<f:place f:lat="48.2">Wien<inner xmlns="urn:other"><!-- why --></inner></f:place><plain>of the default</plain>' +
      '<a:link rel="edit" href="http://elsewhere.example/"/><a:link rel="related" href="http://related.example/"/></a:entry>'
    const created = await instance.post('/blog', ENTRY, body)
    const location = created.headers.get('location') ?? ''
    const changed = await instance.put(location, ENTRY, created.text.replace('Vorher', 'Nachher'))
    for (const answer of [created, changed, await instance.get(location)]) {
      const entry = rootOf(answer.text)
      expect(entry.getAttribute('xml:lang')).toBe('de')
      expect(entry.getAttributeNS('urn:foreign', 'on')).toBe('entry')
      const [place] = childrenOf(entry, 'place', 'urn:foreign')
      expect(place?.getAttributeNS('urn:foreign', 'lat')).toBe('48.2')
      expect(childrenOf(place ?? entry, 'inner', 'urn:other')[0]?.firstChild?.nodeValue).toBe(' why ')
      expect(wordOf(entry, 'plain', 'urn:default')).toBe('of the default')
      expect(wordOf(entry, 'summary')).toBe('fett')
      expect(answer.text).toContain('http://related.example/')
      expect(answer.text).not.toContain('elsewhere.example')
    }
    expect(wordOf(rootOf(changed.text), 'title')).toBe('Nachher')
  })
})

describe('PUT', () => {
  test('of an entry that does not exist or was deleted is refused', async () => {
    const instance = await newInstance()
    expect((await instance.put('/blog/nobody', ENTRY, entryXml('x'))).status).toBe(404)
    await instance.post('/blog', ENTRY, entryXml('x'), { Slug: 'x' })
    await instance.call('DELETE', '/blog/x')
    expect((await instance.put('/blog/x', ENTRY, entryXml('x'))).status).toBe(404)
    expect((await instance.call('DELETE', '/blog/x')).status).toBe(404)
  })

  test('of another entry: the id stays', async () => {
    const instance = await newInstance()
    await instance.post('/blog', ENTRY, entryXml('x'), { Slug: 'x' })
    const answer = await instance.put('/blog/x', ENTRY, entryXml('x', '<id>urn:another</id>'))
    expect(answer.status).toBe(409)
    // Without one, it is that of the entry.
    expect((await instance.put('/blog/x', ENTRY, entryXml('y'))).status).toBe(200)
  })

  test('of something other than an entry is refused', async () => {
    const instance = await newInstance()
    await instance.post('/blog', ENTRY, entryXml('x'), { Slug: 'x' })
    expect((await instance.put('/blog/x', 'image/png', 'x')).status).toBe(415)
    expect((await instance.put('/blog/x', 'application/atom+xml;type=feed', entryXml('x'))).status).toBe(415)
    expect((await instance.put('/blog/x', ENTRY, 'x')).status).toBe(400)
    expect((await instance.put('/blog/x/media', 'image/png', 'x')).status).toBe(415)
    expect((await instance.get('/blog/x/media')).status).toBe(404)
  })

  test('keeps when it was published', async () => {
    const instance = await newInstance()
    const published = '<published>2001-02-03T04:05:06Z</published>'
    const created = await instance.post('/blog', ENTRY, entryXml('x', published), { Slug: 'x' })
    expect(created.text).toContain(published)
    const other = entryXml(
      'x',
      '<published>2020-01-01T00:00:00Z</published><updated>2021-01-01T00:00:00Z</updated>',
    )
    const { text } = await instance.put('/blog/x', ENTRY, other)
    expect(text).toContain(published)
    expect(wordOf(rootOf(text), 'updated')).toBe('2021-01-01T00:00:00Z')
  })
})

function draft(word: string): string {
  return `<control xmlns="http://www.w3.org/2007/app"><draft>${word}</draft></control>`
}
