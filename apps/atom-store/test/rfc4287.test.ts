import { describe, expect, test } from 'vitest'
import { childrenOf, entryXml, linkOf, rootOf, wordOf } from './support/documents.js'
import { ENTRY, newInstance } from './support/server.js'

const source = (inside: string): string => entryXml('x', `<source>${inside}</source>`)
const person = (inside: string): string => entryXml('x', `<author><name>Ann</name>${inside}</author>`)
const content = (element: string): string => entryXml('x').replace(/<content>.*<\/content>/, element)
const updated = (date: string): string => entryXml('x', `<updated>${date}</updated>`)

describe('an entry that RFC 4287 forbids is answered with the rule', () => {
  test.each([
    [
      'two alternates of one type',
      entryXml('x', '<link href="/a"/><link rel="alternate" href="/b"/>'),
      '4.1.2',
    ],
    ['two e-mail addresses', person('<email>a@b.c</email><email>d@e.f</email>'), '3.2.3'],
    ['an e-mail address without a domain', person('<email>ann</email>'), '3.2.3'],
    ['two addresses of a person', person('<uri>urn:a:b</uri><uri>urn:a:c</uri>'), '3.2.2'],
    ['content of a composite type', content('<content type="multipart/mixed">x</content>'), '4.1.3.1'],
    ['content of no media type', content('<content type="nonsense">x</content>'), '4.1.3.1'],
    ['elements in text/plain', content('<content type="text/plain"><b/></content>'), '4.1.3.3'],
    ['bytes that are not in Base64', content('<content type="image/png">?!</content>'), '4.1.3.3'],
    ['a text type beside src', content('<content type="html" src="/a"/>'), '4.1.3.2'],
    ['text beside src', content('<content type="image/png" src="/a">x</content>'), '4.1.3.2'],
    ['a source with two ids', source('<id>urn:a:b</id><id>urn:a:c</id>'), '4.2.11'],
    ['a source with two titles', source('<title>a</title><title>b</title>'), '4.2.11'],
    ['a source with a date that does not exist', source('<updated>2026-02-30T00:00:00Z</updated>'), '3.3'],
    ['a white space in an address', entryXml('x', '<link href="/a b"/>'), '4.2.7.1'],
    ['a percent sign without digits', entryXml('x', '<link href="/a%zz"/>'), '4.2.7.1'],
    ['a link without an address', entryXml('x', '<link rel="related"/>'), '4.2.7.1'],
    ['a link of no media type', entryXml('x', '<link href="/a" type="nonsense"/>'), '4.2.7.3'],
    ['a relative id', entryXml('x', '<id>a/b</id>'), '4.2.6'],
    ['an empty id', entryXml('x', '<id/>'), '4.2.6'],
    ['a relative scheme', entryXml('x', '<category term="a" scheme="b/c"/>'), '4.2.2.2'],
    ['a category without a term', entryXml('x', '<category label="a"/>'), '4.2.2.1'],
    [
      'text around the div of XHTML',
      entryXml('x', '<rights type="xhtml">x<div xmlns="http://www.w3.org/1999/xhtml"/></rights>'),
      '3.1.1.3',
    ],
    ['30 February', updated('2026-02-30T12:00:00Z'), '3.3'],
    ['29 February of a year that has none', updated('2100-02-29T12:00:00Z'), '3.3'],
    ['the 24th hour', updated('2026-02-03T24:00:00Z'), '3.3'],
    ['a leap second at noon', updated('2026-06-30T12:00:60Z'), '3.3'],
    ['an offset of a day', updated('2026-06-30T12:00:00+24:00'), '3.3'],
  ])('%s', async (_, body, section) => {
    const instance = await newInstance()
    const answer = await instance.post('/blog', ENTRY, body)
    expect([answer.status, answer.text]).toEqual([
      400,
      expect.stringContaining(`(RFC 4287, section ${section})`),
    ])
  })
})

describe('an entry that RFC 4287 allows is stored', () => {
  test.each([
    [
      'alternates that differ in language',
      entryXml('x', '<link href="/a" hreflang="en"/><link href="/b" hreflang="de"/>'),
    ],
    [
      'alternates that differ in type',
      entryXml('x', '<link href="/a" type="text/html"/><link href="/b" type="text/plain"/>'),
    ],
    ['an international address', entryXml('x', '<link href="http://b\u{fc}cher.example/\u{e9}?a=%20"/>')],
    ['a leap second', updated('2016-12-31T23:59:60Z')],
    ['a leap second in another zone', updated('2016-12-31T18:59:60-05:00')],
    ['29 February', updated('2024-02-29T12:00:00.123Z')],
    ['content in XML', content('<content type="application/x+xml"><y xmlns="urn:y"/></content>')],
    ['content in Base64', content('<content type="image/png">aGVs\nbG8=</content>')],
    ['a source', source('<id>urn:a:b</id><title>a</title><author><name>Ann</name></author>')],
  ])('%s', async (_, body) => {
    const instance = await newInstance()
    const answer = await instance.post('/blog', ENTRY, body)
    expect(answer.status, answer.text).toBe(201)
  })
})

describe('what is published follows RFC 4287', () => {
  test('a media link entry keeps a summary when a client sends none', async () => {
    const instance = await newInstance()
    const created = await instance.post('/pictures', 'image/png', 'x')
    const location = created.headers.get('location')!
    expect(childrenOf(rootOf(created.text), 'summary')).toHaveLength(1)
    const bare = '<entry xmlns="http://www.w3.org/2005/Atom"><title>y</title></entry>'
    const changed = await instance.put(location, ENTRY, bare)
    expect([changed.status, childrenOf(rootOf(changed.text), 'summary').length]).toEqual([200, 1])
  })

  test('an entry whose content is elsewhere, or in Base64, has a summary', async () => {
    const instance = await newInstance()
    for (const element of [
      '<content type="image/png" src="/a"/>',
      '<content type="image/png">aGk=</content>',
    ]) {
      const { text } = await instance.post('/blog', ENTRY, content(element))
      expect(childrenOf(rootOf(text), 'summary')).toHaveLength(1)
    }
  })

  test('an edit link of the client is dropped, however its relation is written', async () => {
    const instance = await newInstance()
    const rel = 'http://www.iana.org/assignments/relation/edit'
    const { text, headers } = await instance.post(
      '/blog',
      ENTRY,
      entryXml('x', `<link rel="${rel}" href="http://evil.example/"/>`),
    )
    expect(text).not.toContain('evil.example')
    expect(linkOf(rootOf(text), 'edit')).toBe(headers.get('location'))
  })

  test('a title in HTML names the entry by its text, with character references decoded', async () => {
    const instance = await newInstance()
    const title =
      '<title type="html">&lt;b>Caf&amp;eacute;&lt;/b> &amp;amp; &amp;lt;tea>&lt;script>x&lt;/script></title>'
    await instance.post('/blog', ENTRY, entryXml('x').replace('<title>x</title>', title))
    const { entries } = await instance.store.collection('blog')!.page()
    expect(entries[0]?.record.title).toBe('Caf\u{e9} & <tea>')
    expect(wordOf(rootOf(entries[0]!.record.xml), 'title')).toContain('Caf&eacute;')
  })
})
