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
import { describe, expect, test } from 'vitest'

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
  test('accepts a correct history', () => {
    const story = new Story()
    story.read(0, 1, 0)
    story.write(2, 5, 1)
    story.list(6, 7, ['a'])
    story.write(10, 20, 2)
    story.read(12, 13, 1)
    story.read(21, 22, 2)
    expect(story.kinds).toEqual([])
  })

  test('finds a stale read, and a stale listing', () => {
    const story = new Story()
    story.write(0, 1, 1)
    story.write(2, 3, 2)
    story.read(4, 5, 1)
    story.list(4, 5, [])
    expect(story.kinds).toEqual(['stale', 'stale'])
  })

  test('allows a stale read after a write that was acknowledged without the cache, and counts it', () => {
    const story = new Story()
    story.write(0, 1, 1)
    story.write(2, 3, 2, { unconfirmed: true })
    story.read(4, 5, 1)
    expect(story.kinds).toEqual([])
    expect(story.allowed.staleAfterUnconfirmed).toBe(1)
    // The one before it was confirmed: what it replaced is not to be seen again.
    story.write(6, 7, 3)
    story.read(8, 9, 2)
    expect(story.kinds).toEqual(['stale'])
  })

  test('allows a step back only after a read whose cache did not answer', () => {
    for (const troubled of [true, false]) {
      const story = new Story()
      story.write(0, 1, 1)
      story.write(2, 20, 2)
      story.read(3, 4, 2, { troubled })
      story.read(5, 6, 1)
      expect(story.kinds).toEqual(troubled ? [] : ['back'])
      expect(story.allowed.stepsBack).toBe(troubled ? 1 : 0)
    }
  })

  test('takes the write of a dead process for possible, and a refused one for impossible', () => {
    const dead = new Story()
    dead.write(0, 1, 1)
    dead.begin(2, 'write', 'v2')
    dead.history.gone('w1')
    dead.read(4, 5, 2)
    expect(dead.kinds).toEqual([])

    for (const code of ['E_OUTCOME_UNKNOWN', 'E_STORAGE_UNAVAILABLE']) {
      const refused = new Story()
      refused.write(0, 1, 1)
      refused.take({ say: 'failed', id: refused.begin(2, 'write', 'v2'), end: 3, code, message: '' })
      refused.read(4, 5, 2)
      expect(refused.kinds).toEqual(code === 'E_OUTCOME_UNKNOWN' ? [] : ['unwritten'])
    }
  })

  test('finds a rejection that is no StorageError', () => {
    const story = new Story()
    story.take({ say: 'failed', id: story.begin(0, 'read'), end: 1, code: 'UNEXPECTED', message: 'oops' })
    expect(story.kinds.length).toBe(1)
  })
})

test('a plan is the same for the same seed and contains every step and kind of fault', () => {
  const size = { workers: 4, servers: 3, steps: STEPS }
  const some = (seed: number) => [
    ...first(200, processFaults(seed, size)),
    ...first(200, serverFaults(seed, size)),
  ]
  expect(some(1)).toEqual(some(1))
  expect(some(1)).not.toEqual(some(2))
  const steps = some(1).flatMap(({ fault }) => (fault.kind === 'kill at' ? [fault.step] : []))
  expect(new Set(steps)).toEqual(new Set(STEPS))
  expect(new Set(some(1).map(({ fault }) => fault.kind)).size).toBe(12)
})

test('a value is known by its name, and only as a whole', () => {
  for (const bytes of [0, 1, 7, 50_000]) {
    const value = longValue('w1.2.3', bytes)
    expect(nameOfValue(value)).toBe('w1.2.3')
    if (bytes > 0) expect(nameOfValue(value.slice(0, -1))).not.toBe('w1.2.3')
    if (bytes > 1) expect(nameOfValue(`${value.slice(0, -1)}4`)).not.toBe('w1.2.3')
  }
})

function* first<T>(count: number, items: Iterable<T>): Generator<T> {
  let left = count
  for (const item of items) {
    if (left-- === 0) return
    yield item
  }
}
