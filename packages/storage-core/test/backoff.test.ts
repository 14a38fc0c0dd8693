import { Backoff } from '@larder/storage-core/driver'
import { expect, test } from 'vitest'

test('the pauses of a backoff double up to the longest one, and reset begins again', () => {
  const backoff = new Backoff({ firstMs: 10, longestMs: 50, random: () => 0.5 })
  expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([10, 20, 40, 50, 50])
  backoff.reset()
  expect(backoff.next()).toBe(10)
})

test('each pause is between half of its value and one and a half times', () => {
  for (const [random, pauseMs] of [
    [0, 5],
    [0.75, 12.5],
  ] as const) {
    expect(new Backoff({ firstMs: 10, longestMs: 50, random: () => random }).next()).toBe(pauseMs)
  }
})
