import { MemoryStorage, type PartName, type Preconditions } from '@larder/storage-core'
import { assertConditions, conditionsOf, preconditionsOf } from '@larder/storage-core/driver'
import { describe, expect, test } from 'vitest'

const info = new MemoryStorage().info('c', 'r')
const both: PartName[] = ['content', 'metadata']

describe('conditionsOf', () => {
  test('a plain tag is meant for the one part that is written', () => {
    expect(conditionsOf({}, both)).toEqual({})
    expect(conditionsOf({ ifMatch: '"1"' }, ['metadata'])).toEqual({ metadata: { match: ['"1"'] } })
    expect(conditionsOf({ ifMatch: '*' }, ['content'])).toEqual({ content: { match: '*' } })
    expect(() => conditionsOf({ ifMatch: '"1"' }, both)).toThrow(TypeError)
  })

  test('ifNoneMatch is meant for all written parts', () => {
    expect(conditionsOf({ ifNoneMatch: '*' }, both)).toEqual({
      content: { noneMatch: '*' },
      metadata: { noneMatch: '*' },
    })
    expect(conditionsOf({ ifNoneMatch: '*' }, ['metadata'])).toEqual({ metadata: { noneMatch: '*' } })
  })

  test('accepts a condition by part beside a tag of the other part', () => {
    const options = { ifNoneMatch: { metadata: '*' }, ifMatch: { content: ['"2"'] } } as const
    const conditions = conditionsOf(options, both)
    expect(conditions).toEqual({ metadata: { noneMatch: '*' }, content: { match: ['"2"'] } })
    expect(preconditionsOf(conditions)).toEqual(options)
    expect(preconditionsOf({ content: { match: '*' } })).toEqual({ ifMatch: { content: '*' } })
    expect(preconditionsOf({})).toEqual({})
    const refused = [
      { ifNoneMatch: '*', ifMatch: { content: '*' } },
      { ifNoneMatch: {} },
      { ifNoneMatch: { body: '*' } },
      { ifNoneMatch: '"2"' },
      { ifNoneMatch: null },
    ]
    for (const bad of refused)
      expect(() => conditionsOf(bad as unknown as Preconditions, both)).toThrow(TypeError)
  })

  test('tags by part may name a part that is not written', () => {
    expect(conditionsOf({ ifMatch: { metadata: '"2"', content: '*' } }, ['content'])).toEqual({
      metadata: { match: ['"2"'] },
      content: { match: '*' },
    })
  })
})

describe('assertConditions', () => {
  const holds = (
    conditions: Parameters<typeof assertConditions>[1],
    version: number | undefined,
  ): boolean => {
    try {
      assertConditions(info, conditions, (part) => (part === 'content' ? version : undefined))
      return true
    } catch (error) {
      const { code, key, name } = error as { code?: string; key?: string; name?: string }
      expect([code, key, name]).toEqual(['E_PRECONDITION_FAILED', info.key, 'PreconditionFailedError'])
      return false
    }
  }

  test('compares each part with its own condition', () => {
    expect(holds({}, undefined)).toBe(true)
    expect(holds({ content: { noneMatch: '*' } }, undefined)).toBe(true)
    expect(holds({ content: { noneMatch: '*' } }, 7)).toBe(false)
    expect(holds({ content: { match: '*' } }, 7)).toBe(true)
    expect(holds({ content: { match: '*' } }, undefined)).toBe(false)
    expect(holds({ content: { match: ['"7"', '"9"'] } }, 7)).toBe(true)
    expect(holds({ content: { match: ['"7"', '"9"'] } }, 8)).toBe(false)
    expect(holds({ content: { match: ['"7"', '"9"'] } }, undefined)).toBe(false)
    expect(holds({ content: { match: ['"7"', '"9"'] }, metadata: { noneMatch: '*' } }, 7)).toBe(true)
    expect(holds({ content: { match: ['"7"', '"9"'] }, metadata: { match: '*' } }, 7)).toBe(false)
  })
})
