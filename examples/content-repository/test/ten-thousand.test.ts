import { expect, test } from 'vitest'
import { rowOf, runExample, WITHOUT_MEMCACHED } from './support/example.js'
import { newManyFiles } from './support/folder.js'

const COUNT = 10_000

test.each([
  ['a memcached of its own', {}],
  ['the embedded cache', WITHOUT_MEMCACHED],
])('10,000 files are stored, read and listed with %s', { timeout: 240_000 }, async (_, env) => {
  const outcome = await runExample([await newManyFiles(COUNT)], env)
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  expect(rowOf('import', outcome).operations).toBe(COUNT)
  expect(rowOf('cold read', outcome)).toMatchObject({ hits: 0, databaseReads: 2 * COUNT })
  expect(rowOf('warm read', outcome)).toMatchObject({ hits: 2 * COUNT, databaseReads: 0 })
  expect(rowOf('listing again', outcome)).toMatchObject({ hits: 1, databaseReads: 0 })
  expect(outcome.stdout).toContain('10,000 resources; the first one is "part-000000/file 0.txt"')
  expect(outcome.stdout).toContain('listed are 9,999 resources')
})
