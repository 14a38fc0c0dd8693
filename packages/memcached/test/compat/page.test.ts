import Memcached from '@larder/memcached/compat/memcached'
import { Client } from '@larder/memcached/compat/memjs'
import OriginalMemjs from 'memjs'
import Original from 'memcached'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const page = readFileSync(new URL('../../../../docs/coming-from.md', import.meta.url), 'utf8')

/** The names in the first cells of the tables below a heading. */
function namesUnder(heading: string): Set<string> {
  const text = page.split(`\n## ${heading}\n`)[1]?.split(/\n## /)[0] ?? ''
  const cells = Array.from(text.matchAll(/^\| ([^|]*)\|/gm), ([, cell = '']) => cell)
  return new Set(cells.flatMap((cell) => Array.from(cell.matchAll(/`(\w+)`/g), ([, name = '']) => name)))
}

function methodsOf(prototype: object): string[] {
  return Object.keys(prototype).filter(
    (name) => !/^(delegate|make)Callback$|rawData|connectionIssue/.test(name),
  )
}

describe.each([
  ['npm memcached', Original.prototype, Memcached.prototype, Original.config],
  ['memjs', OriginalMemjs.Client.prototype, Client.prototype, {}],
] as const)('the table of %s', (heading, original, ours, config) => {
  const names = namesUnder(heading)

  test('has every method of the original', () => {
    expect(methodsOf(original).filter((name) => !names.has(name) && name !== 'server')).toEqual([])
  })

  test('marks the methods that are missing here', () => {
    const missing = methodsOf(original).filter((name) => !(name in ours))
    const rows = page.split('\n').filter((row) => /^\| .*\| no \|/.test(row))
    expect(missing.filter((name) => !rows.some((row) => row.includes(`\`${name}\``)))).toEqual([])
  })

  test('has every option of the original', () => {
    const options = Object.keys(config).filter((name) => name !== 'activeQueries')
    expect(options.filter((name) => !names.has(name))).toEqual([])
  })
})
