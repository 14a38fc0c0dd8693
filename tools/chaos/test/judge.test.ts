import {
  History,
  judge,
  type Line,
  longValue,
  nameOfValue,
  processFaults,
  serverFaults,
  STEPS,
} from '@larder/chaos'
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'

type Seen = { readonly name: string; readonly version?: number; readonly value?: string }

/** A history told line by line, as processes do. */
class Story {
  readonly history = new History()
  #count = 0

  begin(start: number, kind: 'read' | 'write' | 'remove' | 'list', value?: string): string {
    const id = `o${++this.#count}`
    const name = kind === 'list' ? undefined : 'a'
    this.take({ say: 'begun', id, kind, collection: 'c', name, value, start })
    return id
  }

  write(start: number, end: number, version: number, how: { readonly unconfirmed?: boolean } = {}): void {
    const id = this.begin(start, 'write', `v${version}`)
    const written = { version, changed: true, created: version === 1, unconfirmed: how.unconfirmed ?? false }
    this.take({ say: 'ended', id, end, written, troubled: false })
  }

  read(start: number, end: number, version: number, how: { readonly troubled?: boolean } = {}): void {
    const reads: Seen[] = [version === 0 ? { name: 'a' } : { name: 'a', version, value: `v${version}` }]
    const id = this.begin(start, 'read')
    this.take({ say: 'ended', id, end, reads, troubled: how.troubled ?? false })
  }

  list(start: number, end: number, names: readonly string[]): void {
    const id = this.begin(start, 'list')
    this.take({ say: 'ended', id, end, names, troubled: false })
  }

  take(line: Line): void {
    this.history.take(line, 'w1')
  }

  get kinds(): string[] {
    return judge(this.history.operations).violations.map(({ kind }) => kind)
  }

  get allowed() {
    return judge(this.history.operations).allowed
  }
}

describe('the judge', () => {
  test('finds nothing wrong with what is right', () => {
    const story = new Story()
    story.read(0, 1, 0)
    story.write(2, 5, 1)
    story.list(6, 7, ['a'])
    story.write(10, 20, 2)
    story.read(12, 13, 1)
    story.read(21, 22, 2)
    assert.deepEqual(story.kinds, [])
  })

  test('finds a stale read, and a stale listing', () => {
    const story = new Story()
    story.write(0, 1, 1)
    story.write(2, 3, 2)
    story.read(4, 5, 1)
    story.list(4, 5, [])
    assert.deepEqual(story.kinds, ['stale', 'stale'])
  })

  test('allows a stale read after a write that was acknowledged without the cache, and counts it', () => {
    const story = new Story()
    story.write(0, 1, 1)
    story.write(2, 3, 2, { unconfirmed: true })
    story.read(4, 5, 1)
    assert.deepEqual(story.kinds, [])
    assert.equal(story.allowed.staleAfterUnconfirmed, 1)
    // The one before it was confirmed: what it replaced is not to be seen again.
    story.write(6, 7, 3)
    story.read(8, 9, 2)
    assert.deepEqual(story.kinds, ['stale'])
  })

  test('allows a step back behind a read whose cache did not answer, and no other', () => {
    for (const troubled of [true, false]) {
      const story = new Story()
      story.write(0, 1, 1)
      story.write(2, 20, 2)
      story.read(3, 4, 2, { troubled })
      story.read(5, 6, 1)
      assert.deepEqual(story.kinds, troubled ? [] : ['back'])
      assert.equal(story.allowed.stepsBack, troubled ? 1 : 0)
    }
  })

  test('takes the write of a dead process for possible, and a refused one for impossible', () => {
    const dead = new Story()
    dead.write(0, 1, 1)
    dead.begin(2, 'write', 'v2')
    dead.history.gone('w1')
    dead.read(4, 5, 2)
    assert.deepEqual(dead.kinds, [])

    for (const code of ['E_OUTCOME_UNKNOWN', 'E_STORAGE_UNAVAILABLE']) {
      const refused = new Story()
      refused.write(0, 1, 1)
      refused.take({ say: 'failed', id: refused.begin(2, 'write', 'v2'), end: 3, code, message: '' })
      refused.read(4, 5, 2)
      assert.deepEqual(refused.kinds, code === 'E_OUTCOME_UNKNOWN' ? [] : ['unwritten'])
    }
  })

  test('finds a rejection that is no StorageError', () => {
    const story = new Story()
    story.take({ say: 'failed', id: story.begin(0, 'read'), end: 1, code: 'UNEXPECTED', message: 'oops' })
    assert.equal(story.kinds.length, 1)
  })
})

test('a plan is the same for the same seed, and comes to every step and kind of fault', () => {
  const size = { workers: 4, servers: 3, steps: STEPS }
  const some = (seed: number) => [
    ...first(200, processFaults(seed, size)),
    ...first(200, serverFaults(seed, size)),
  ]
  assert.deepEqual(some(1), some(1))
  assert.notDeepEqual(some(1), some(2))
  const steps = some(1).flatMap(({ fault }) => (fault.kind === 'kill at' ? [fault.step] : []))
  assert.deepEqual(new Set(steps), new Set(STEPS))
  assert.equal(new Set(some(1).map(({ fault }) => fault.kind)).size, 12)
})

test('a value is known by its name, and only as a whole', () => {
  for (const bytes of [0, 1, 7, 50_000]) {
    const value = longValue('w1.2.3', bytes)
    assert.equal(nameOfValue(value), 'w1.2.3')
    if (bytes > 0) assert.notEqual(nameOfValue(value.slice(0, -1)), 'w1.2.3')
    if (bytes > 1) assert.notEqual(nameOfValue(`${value.slice(0, -1)}4`), 'w1.2.3')
  }
})

function* first<T>(count: number, items: Iterable<T>): Generator<T> {
  let left = count
  for (const item of items) {
    if (left-- === 0) return
    yield item
  }
}
