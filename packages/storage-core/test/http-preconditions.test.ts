import {
  isStorageError,
  MemoryStorage,
  parseEntityTags,
  parsePreconditions,
  type ResourceWrite,
  type Storage,
} from '@larder/storage-core'
import {
  assertConditions,
  conditionsOf,
  type OnePart,
  type PutArguments,
  type UnitPutArguments,
  type UnitRemoveOptions,
} from '@larder/storage-core/driver'
import fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'

const info = new MemoryStorage().info('c', 'r')

/** As a client may write them: versions, and tags that no storage gives. */
const etag = fc.oneof(
  fc.integer({ min: 1, max: 4 }).map((version) => `"${version}"`),
  fc.constantFrom('""', '"a,b"', '"W/"', '"*"', '"\u00e9"'),
)
const tag = fc.record({ etag, isWeak: fc.boolean() }, { noNullPrototype: true })
const space = fc.constantFrom('', ' ', '\t', ' \t ')
const separator = fc.tuple(space, fc.constantFrom(',', ', ,', ',,\t,'), space).map((texts) => texts.join(''))

interface Line {
  readonly tags: '*' | readonly { readonly etag: string; readonly isWeak: boolean }[]
  readonly text: string
}

const list: fc.Arbitrary<Line> = fc
  .tuple(fc.array(tag, { maxLength: 4 }), fc.array(separator, { minLength: 5, maxLength: 5 }), space, space)
  .map(([tags, separators, before, behind]) => {
    const texts = tags.map((each, i) => {
      const text = each.isWeak ? `W/${each.etag}` : each.etag
      return i === 0 ? text : `${separators[i]}${text}`
    })
    return { tags, text: `${before}${texts.join('')}${behind}` }
  })
const star: fc.Arbitrary<Line> = space.map((around) => ({ tags: '*', text: `${around}*${around}` }))
const line = fc.oneof({ weight: 4, arbitrary: list }, { weight: 1, arbitrary: star })
const header = fc.option(line, { nil: undefined })

/** RFC 9110, section 13.2.2, for a write. */
function holds(match: Line | undefined, noneMatch: Line | undefined, current: string | undefined): boolean {
  if (match !== undefined) {
    const { tags } = match
    const isNamed = tags === '*' || tags.some((each) => !each.isWeak && each.etag === current)
    if (current === undefined || !isNamed) return false
  }
  if (noneMatch === undefined || current === undefined) return true
  return noneMatch.tags !== '*' && !noneMatch.tags.some((each) => each.etag === current)
}

describe('parseEntityTags', () => {
  test('reads every list that the grammar allows, and gives back its tags', () => {
    fc.assert(fc.property(line, ({ tags, text }) => void expect(parseEntityTags(text)).toEqual(tags)))
  })

  test('gives tags for a text or throws E_BAD_REQUEST, and nothing else', () => {
    const piece = fc.constantFrom('"', 'W/', ',', ' ', '*', '"1"', 'x', '\u{1f600}', '\0', '\\"')
    const texts = fc.oneof(
      fc.string(),
      fc.array(piece).map((pieces) => pieces.join('')),
    )
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const tags = parseEntityTags(text)
          // What was understood is said again and means the same.
          if (tags !== '*')
            expect(
              parseEntityTags(tags.map(({ etag, isWeak }) => (isWeak ? `W/${etag}` : etag)).join()),
            ).toEqual(tags)
        } catch (error) {
          expect(isStorageError(error, 'E_BAD_REQUEST'), String(error)).toBeTruthy()
        }
      }),
    )
  })

  test('refuses malformed text in the time that its length takes', () => {
    for (const text of [
      '3',
      '"3',
      '3"',
      'w/"3"',
      'W/ "3"',
      '"1" "2"',
      '"1""2"',
      '*,*',
      '*, "1"',
      '"a b"',
      "'3'",
    ])
      expect(() => parseEntityTags(text)).toThrow(expect.objectContaining({ code: 'E_BAD_REQUEST' }))
    for (const piece of [' ', ',', '"', '"1",', 'W/', ' "'])
      expect(() => parseEntityTags(`${piece.repeat(100_000)}x`)).toThrow(
        expect.objectContaining({ code: 'E_BAD_REQUEST' }),
      )
  })

  test('quotes the text and names the header', () => {
    expect(() => parseEntityTags('3', 'If-Match')).toThrow(
      expect.objectContaining({
        message: `If-Match must be entity tags with their quotes, such as '"3"' or '"3", "9"', got '3'`,
      }),
    )
  })
})

describe('parsePreconditions', () => {
  test('lets a write through exactly where RFC 9110 does', () => {
    const version = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined })
    fc.assert(
      fc.property(header, header, version, (match, noneMatch, current) => {
        const headers = { 'if-match': match?.text, 'if-none-match': noneMatch?.text }
        const conditions = conditionsOf(parsePreconditions(headers), ['content'])
        const judge = () => assertConditions(info, conditions, () => current)
        const isLetThrough = holds(match, noneMatch, current === undefined ? undefined : `"${current}"`)
        if (isLetThrough) judge()
        else expect(judge).toThrow(expect.objectContaining({ code: 'E_PRECONDITION_FAILED' }))
      }),
      { numRuns: 2_000 },
    )
  })

  test('takes the headers of fetch, of node:http and of objects alike, in one line or in many', () => {
    fc.assert(
      fc.property(fc.array(list, { minLength: 1, maxLength: 3 }), (lines) => {
        const texts = lines.map(({ text }) => text)
        const expected = parsePreconditions({ 'if-match': texts.join(', ') })
        const ofFetch = new Headers()
        for (const text of texts) ofFetch.append('If-Match', text)
        expect(parsePreconditions({ 'if-match': texts })).toEqual(expected)
        expect(parsePreconditions({ 'If-Match': texts, host: 'a', get: undefined })).toEqual(expected)
        expect(parsePreconditions(ofFetch)).toEqual(expected)
      }),
    )
  })

  test('returns the options of a write', async () => {
    const storage = new MemoryStorage()
    const at = storage.info('films', 'one')
    const put = (headers: Record<string, string>) => storage.putContent(at, 'x', parsePreconditions(headers))
    const { etag: first } = await put({ 'if-none-match': '*' })
    await expect(put({ 'if-none-match': '*' })).rejects.toMatchObject({ code: 'E_PRECONDITION_FAILED' })
    await expect(put({ 'if-match': `W/${first}` })).rejects.toMatchObject({ code: 'E_PRECONDITION_FAILED' })
    const { etag: second } = await put({ 'if-match': `"9", ${first}` })
    expect(parsePreconditions({})).toEqual({})
    expect(parsePreconditions({ 'if-none-match': ' ' })).toEqual({})
    expect(parsePreconditions({ 'if-match': '"1"', 'if-none-match': '*' })).toEqual({ ifMatch: [] })
    const both = { content: 'x', metadata: 'y' }
    await storage.put(at, both, parsePreconditions({ 'if-match': second }, 'content'))
    await expect(
      storage.put(at, both, parsePreconditions({ 'if-none-match': '*' }, 'metadata')),
    ).rejects.toMatchObject({
      code: 'E_PRECONDITION_FAILED',
    })
  })

  test('refuses malformed headers and arguments', () => {
    expect(() => parsePreconditions({ 'if-match': '3' })).toThrow(
      expect.objectContaining({ code: 'E_BAD_REQUEST' }),
    )
    expect(() => parsePreconditions(new Headers({ 'if-none-match': '"1' }))).toThrow(
      expect.objectContaining({ code: 'E_BAD_REQUEST' }),
    )
    expect(() => parsePreconditions(undefined as never)).toThrow(TypeError)
    expect(() => parsePreconditions({}, 'body' as never)).toThrow(TypeError)
  })
})

describe('the types of writes', () => {
  interface Both {
    readonly content: string
    readonly metadata: string
  }

  test('take one entity tag for a write of one part, and tags by part for a write of both', () => {
    expectTypeOf<[{ content: string }, { ifMatch: string }]>().toExtend<PutArguments>()
    expectTypeOf<[Both, { ifMatch: { content: string } }]>().toExtend<PutArguments>()
    expectTypeOf<[Both, { ifNoneMatch: '*' }]>().toExtend<PutArguments>()
    expectTypeOf<[Both, { ifMatch: string }]>().not.toExtend<PutArguments>()
    expectTypeOf<[Both, { ifMatch: string[] }]>().not.toExtend<PutArguments>()
    expectTypeOf<[Both, { ifMatch: string }]>().not.toExtend<UnitPutArguments>()
    expectTypeOf<[OnePart<string>, { ifMatch: string }]>().toExtend<UnitPutArguments>()
  })

  test('take tags by part for a removal of both parts', () => {
    type RemoveOptions = NonNullable<Parameters<Storage['remove']>[1]>
    expectTypeOf<{ ifMatch: { content: string } }>().toExtend<RemoveOptions>()
    expectTypeOf<{ ifMatch: string }>().not.toExtend<RemoveOptions>()
    expectTypeOf<{ ifMatch: string }>().not.toExtend<UnitRemoveOptions>()
    expectTypeOf<{ ifMatch: string; parts: ['content'] }>().toExtend<UnitRemoveOptions>()
  })

  test('take the same among several writes', () => {
    type Write<More> = { readonly info: typeof info } & More
    expectTypeOf<Write<{ content: string; ifMatch: string }>>().toExtend<ResourceWrite>()
    expectTypeOf<Write<{ content: null; ifMatch: string[] }>>().toExtend<ResourceWrite>()
    expectTypeOf<Write<Both & { ifMatch: { metadata: string } }>>().toExtend<ResourceWrite>()
    expectTypeOf<Write<Both & { ifMatch: string }>>().not.toExtend<ResourceWrite>()
  })
})
