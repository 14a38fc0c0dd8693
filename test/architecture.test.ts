import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './support/compile.js'

interface Layers {
  readonly packages: Readonly<Record<string, { readonly layers?: readonly (readonly string[])[] }>>
}

const page = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8')
const { packages } = JSON.parse(readFileSync(join(ROOT, 'layers.json'), 'utf8')) as Layers
const libraries = Object.keys(packages).filter((name) => /^packages\/(?!cli)/.test(name))

/** What the page says of a package, up to the next one. */
function sectionOf(name: string): string {
  return page.slice(page.indexOf(`**\`${name}\`**`)).split(/\n\*\*`|\n## /, 1)[0] ?? ''
}

/** Rows of the table of a package: the folders of each, and its description. */
function rowsOf(name: string): readonly (readonly [folders: readonly string[], description: string])[] {
  return Array.from(
    sectionOf(name).matchAll(/^\| (?<folders>`.*?`) \| (?<text>.*) \|$/gm),
    ({ groups = {} }) => [groups['folders']?.match(/[\w-]+\//g) ?? [], groups['text'] ?? ''] as const,
  )
}

test.each(libraries)('the architecture page has the folders of %s in the order of its layers', (name) => {
  const layers = packages[name]?.layers ?? []
  const layerOf = (folder: string) => layers.findIndex((names) => names.includes(folder))
  const folders = rowsOf(name).flatMap(([each]) => each)
  expect(folders.toSorted()).toEqual(
    layers
      .flat()
      .filter((each) => each.endsWith('/'))
      .toSorted(),
  )
  expect(folders.map(layerOf)).toEqual(folders.map(layerOf).toSorted((a, b) => a - b))
})

test.each(libraries)('the architecture page describes the folders of %s as their index.ts does', (name) => {
  for (const [[folder = '', ...others], description] of rowsOf(name)) {
    const door = join(ROOT, name, 'src', folder, 'index.ts')
    // Entry points of a package, and a folder that shows its own words, describe themselves at length.
    if (others.length > 0 || !existsSync(door)) continue
    const comment = /^\/\*\* (?<text>.*) \*\/$/m.exec(readFileSync(door, 'utf8').split('\n', 1)[0] ?? '')
    if (comment !== null) expect(description).toBe(comment.groups?.['text'])
  }
})

test('the files on the ways of a get and a put exist', () => {
  const files = Array.from(
    page.matchAll(/`(?<file>[\w-]+\/src\/[\w/.-]+\.ts)`/g),
    ({ groups }) => groups?.['file'],
  )
  expect(files.length).toBeGreaterThan(10)
  expect(files.filter((file) => !existsSync(join(ROOT, 'packages', file ?? '')))).toEqual([])
})
