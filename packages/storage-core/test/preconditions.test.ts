import { MemoryStorage, type PartName, type Preconditions } from '@larder/storage-core'
import { assertConditions, conditionsOf, preconditionsOf } from '@larder/storage-core/driver'
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'

const info = new MemoryStorage().info('c', 'r')
const both: PartName[] = ['content', 'metadata']

describe('conditionsOf', () => {
  test('a plain tag is meant for the one part that is written', () => {
    assert.deepEqual(conditionsOf({}, both), {})
    assert.deepEqual(conditionsOf({ ifMatch: '"1"' }, ['metadata']), { metadata: { match: ['"1"'] } })
    assert.deepEqual(conditionsOf({ ifMatch: '*' }, ['content']), { content: { match: '*' } })
    assert.throws(() => conditionsOf({ ifMatch: '"1"' }, both), TypeError)
  })

  test('ifNoneMatch is meant for all written parts', () => {
    assert.deepEqual(conditionsOf({ ifNoneMatch: '*' }, both), {
      content: { noneMatch: '*' },
      metadata: { noneMatch: '*' },
    })
    assert.deepEqual(conditionsOf({ ifNoneMatch: '*' }, ['metadata']), { metadata: { noneMatch: '*' } })
  })

  test('by part it goes with a tag of the other one', () => {
    const options = { ifNoneMatch: { metadata: '*' }, ifMatch: { content: ['"2"'] } } as const
    const conditions = conditionsOf(options, both)
    assert.deepEqual(conditions, { metadata: { noneMatch: '*' }, content: { match: ['"2"'] } })
    assert.deepEqual(preconditionsOf(conditions), options)
    assert.deepEqual(preconditionsOf({ content: { match: '*' } }), { ifMatch: { content: '*' } })
    assert.deepEqual(preconditionsOf({}), {})
    const refused = [
      { ifNoneMatch: '*', ifMatch: { content: '*' } },
      { ifNoneMatch: {} },
      { ifNoneMatch: { body: '*' } },
      { ifNoneMatch: '"2"' },
      { ifNoneMatch: null },
    ]
    for (const bad of refused)
      assert.throws(() => conditionsOf(bad as unknown as Preconditions, both), TypeError, JSON.stringify(bad))
  })

  test('tags by part may name a part that is not written', () => {
    assert.deepEqual(conditionsOf({ ifMatch: { metadata: '"2"', content: '*' } }, ['content']), {
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
      assert.deepEqual([code, key, name], ['E_PRECONDITION_FAILED', info.key, 'PreconditionFailedError'])
      return false
    }
  }

  test('compares each part with what is asked of it', () => {
    assert.equal(holds({}, undefined), true)
    assert.equal(holds({ content: { noneMatch: '*' } }, undefined), true)
    assert.equal(holds({ content: { noneMatch: '*' } }, 7), false)
    assert.equal(holds({ content: { match: '*' } }, 7), true)
    assert.equal(holds({ content: { match: '*' } }, undefined), false)
    assert.equal(holds({ content: { match: ['"7"', '"9"'] } }, 7), true)
    assert.equal(holds({ content: { match: ['"7"', '"9"'] } }, 8), false)
    assert.equal(holds({ content: { match: ['"7"', '"9"'] } }, undefined), false)
    assert.equal(holds({ content: { match: ['"7"', '"9"'] }, metadata: { noneMatch: '*' } }, 7), true)
    assert.equal(holds({ content: { match: ['"7"', '"9"'] }, metadata: { match: '*' } }, 7), false)
  })
})
