import { describe, expect, test } from 'vitest'
import { childrenOf, entryXml, rootOf, titlesOf, wordOf } from './support/documents.js'
import { ENTRY, newInstance } from './support/server.js'

const XML = 'http://www.w3.org/XML/1998/namespace'
const XMLNS = 'http://www.w3.org/2000/xmlns/'

describe('XML that is not well-formed, or not so with namespaces, is refused and named', () => {
  test.each([
    ['the prefix xml bound to something else', '<y xmlns:xml="urn:x"/>'],
    ['another prefix bound to the namespace of xml', `<y xmlns:p="${XML}"/>`],
    ['a prefix bound to the namespace of xmlns', `<y xmlns:p="${XMLNS}"/>`],
    ['the prefix xmlns bound', '<y xmlns:xmlns="urn:x"/>'],
    ['a prefix bound to nothing', '<y xmlns:p=""/>'],
    ['the same attribute by two prefixes of one namespace', '<y xmlns:a="u" xmlns:b="u" a:k="1" b:k="2"/>'],
    ['the same attribute twice', '<y k="1" k="2"/>'],
    ['a processing instruction with a colon in its name', '<?a:b x?>'],
    ['a name with two colons', '<a:b:c xmlns:a="urn:x"/>'],
    ['an ampersand by itself', '<y>a & b</y>'],
    ['the end of a CDATA section without its beginning', '<y>]]></y>'],
    ['a character reference without a number', '<y>&#;</y>'],
    ['a character reference with a negative number', '<y>&#-1;</y>'],
    ['a reference to a character beyond Unicode', '<y>&#x110000;</y>'],
    ['a smaller-than sign in an attribute', '<y k="<"/>'],
    ['two hyphens in a comment', '<!-- a -- b -->'],
    ['an XML declaration inside', '<?xml version="1.0"?>'],
  ])('%s', async (_, inside) => {
    const instance = await newInstance()
    const answer = await instance.post('/blog', ENTRY, entryXml('x', inside))
    expect([answer.status, answer.text]).toEqual([
      400,
      expect.stringMatching(/^The XML is not well-formed: /),
    ])
    expect(titlesOf((await instance.get('/blog')).text)).toEqual([])
  })
})

describe('what is well-formed comes back as it was meant', () => {
  test('a carriage return that is written as a reference is kept', async () => {
    const instance = await newInstance()
    await instance.post(
      '/blog',
      ENTRY,
      entryXml('x', '<summary>a&#13;b</summary><y xmlns="urn:y" k="a&#9;b&#10;c"/>'),
    )
    const [entry] = childrenOf(rootOf((await instance.get('/blog')).text), 'entry')
    expect(wordOf(entry!, 'summary')).toBe('a\rb')
    expect(childrenOf(entry!, 'y', 'urn:y')[0]?.getAttribute('k')).toBe('a\tb\nc')
  })

  test('names with the prefixes that the client chose, and names without any namespace', async () => {
    const instance = await newInstance()
    const body =
      '<a:entry xmlns:a="http://www.w3.org/2005/Atom" xmlns:b="urn:b"><a:title>x</a:title><a:content>y</a:content>' +
      '<plain b:k="1"><b:inside xmlns:b="urn:c" b:k="2"/></plain></a:entry>'
    const answer = await instance.post('/blog', ENTRY, body)
    expect(answer.status).toBe(201)
    const entry = rootOf(answer.text)
    const [plain] = Array.from(entry.getElementsByTagName('plain'))
    expect([wordOf(entry, 'title'), plain?.getAttributeNS('urn:b', 'k')]).toEqual(['x', '1'])
    expect(childrenOf(plain!, 'inside', 'urn:c')[0]?.getAttributeNS('urn:c', 'k')).toBe('2')
  })

  test('comments and processing instructions', async () => {
    const instance = await newInstance()
    const { text } = await instance.post('/blog', ENTRY, entryXml('x', '<!-- said --><?target its data?>'))
    expect(text).toContain('<!-- said --><?target its data?>')
  })
})

describe('the encoding is what RFC 7303 says', () => {
  const wide = (text: string, isBig = false): Buffer => {
    const bytes = Buffer.from(text, 'utf16le')
    return isBig ? bytes.swap16() : bytes
  }
  const declared = `<?xml version="1.0" encoding="utf-16"?>${entryXml('\u{e9}')}`
  test.each([
    [
      'UTF-16 by the media type, little endian without a mark',
      ENTRY + ';charset=utf-16',
      wide(entryXml('\u{e9}')),
    ],
    [
      'UTF-16 by the media type, big endian without a mark',
      ENTRY + ';charset=utf-16',
      wide(entryXml('\u{e9}'), true),
    ],
    ['UTF-16 by the document, without a mark', ENTRY, wide(declared)],
    ['UTF-16 by the document, big endian without a mark', ENTRY, wide(declared, true)],
    ['a mark against the media type', ENTRY + ';charset=utf-8', wide(`\u{feff}${entryXml('\u{e9}')}`)],
    [
      'a mark of UTF-8 against the media type',
      ENTRY + ';charset=utf-16',
      Buffer.from(`\u{feff}${entryXml('\u{e9}')}`),
    ],
    ['the short name of UTF-8', ENTRY + ';charset=utf8', Buffer.from(entryXml('\u{e9}'))],
  ])('%s', async (_, type, body) => {
    const instance = await newInstance()
    const answer = await instance.post('/blog', type, new Uint8Array(body))
    expect([answer.status, wordOf(rootOf(answer.text), 'title')]).toEqual([201, '\u{e9}'])
  })

  test('UTF-32 is refused', async () => {
    const instance = await newInstance()
    expect(
      (await instance.post('/blog', ENTRY, new Uint8Array([0xff, 0xfe, 0, 0, 0x3c, 0, 0, 0]))).status,
    ).toBe(415)
  })
})
