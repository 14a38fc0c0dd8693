import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { checkLayers, type PackageRules } from '@larder/layers'
import { afterEach, beforeEach, expect, test } from 'vitest'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'larder-layers-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const RULES: PackageRules = {
  mayImport: ['@larder/core'],
  layers: [
    ['errors.ts', 'protocol/'],
    ['client/', 'codec.ts'],
    ['index.ts', 'testing/'],
  ],
  forTestsOnly: ['testing/'],
}

function check(files: Record<string, string>, rules = RULES): string[] {
  const manifest = {
    name: '@larder/house',
    dependencies: { '@larder/core': '*', '@larder/attic': '*', pg: '*' },
  }
  const all = { '../package.json': JSON.stringify(manifest), ...files }
  for (const [path, text] of Object.entries(all)) {
    const file = join(root, 'house/src', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  return checkLayers(root, { scope: '@larder/', packages: { house: rules } })
}

test('a sound house passes', () => {
  const problems = check({
    'errors.ts': "import { readFile } from 'node:fs/promises'",
    'protocol/parse.ts': "import type { A } from './read.js'",
    'protocol/read.ts': "export * from '@larder/core'",
    'client/client.ts': "import pg from 'pg'\nimport { parse } from '../protocol/parse.js'",
    'codec.ts': "import '../src/errors.js'",
    'testing/suite.ts': "import '../client/client.js'",
    'index.ts': "export * from './client/client.js'",
  })
  expect(problems).toEqual([])
})

test.each([
  [
    'a higher layer',
    { 'errors.ts': "import './codec.js'", 'codec.ts': '' },
    /errors\.ts:1: .*layer 1, from layer 0/,
  ],
  [
    'a type',
    { 'errors.ts': "\nimport type { A } from './codec.js'", 'codec.ts': '' },
    /errors\.ts:2: .*layer 1/,
  ],
  [
    'an inline type',
    { 'errors.ts': "type A = import('./codec.js').A", 'codec.ts': '' },
    /layer 1, from layer 0/,
  ],
  [
    'a dynamic import',
    { 'errors.ts': "await import('./codec.js')", 'codec.ts': '' },
    /layer 1, from layer 0/,
  ],
  ['a re-export', { 'errors.ts': "export { a } from './codec.js'", 'codec.ts': '' }, /layer 1, from layer 0/],
  ['a neighbour', { 'codec.ts': "import './client/a.js'", 'client/a.ts': '' }, /layer 1, from layer 1/],
  [
    'the entry point',
    { 'testing/a.ts': "import '../index.js'", 'index.ts': '' },
    /own package's entry point/,
  ],
  ['its own name', { 'codec.ts': "import '@larder/house'" }, /own package's entry point/],
  ['what is for tests', { 'index.ts': "import './testing/a.js'", 'testing/a.ts': '' }, /for tests only/],
  ['a package out of bounds', { 'codec.ts': "import '@larder/attic'" }, /does not allow/],
  ['a subpath out of bounds', { 'codec.ts': "import '@larder/core/testing'" }, /does not allow/],
  ['an undeclared package', { 'codec.ts': "import 'vitest'" }, /not among its dependencies/],
  ['another folder', { 'codec.ts': "import '../../attic/a.js'" }, /not a source file/],
  [
    'an inner file of a folder with an index.ts',
    { 'index.ts': "import './client/a.js'", 'client/a.ts': '', 'client/index.ts': "export * from './a.js'" },
    /index\.ts:1: imports \.\/client\/a\.js, and not client\/index\.ts/,
  ],
  [
    'a folder without an index.ts of which others import two files',
    {
      'index.ts': "import './client/a.js'\nimport './client/b.js'",
      'client/a.ts': '',
      'client/b.ts': '',
    },
    /client\/: others import 2 of its files, and it has no index\.ts/,
  ],
  ['a bare builtin', { 'codec.ts': "import 'fs'" }, /without node:/],
  ['a file without a layer', { 'cellar.ts': '' }, /cellar\.ts: has no layer/],
])('%s is found', (_, files, message) => {
  const problems = check(files)
  expect(problems.length, problems.join('\n')).toBe(1)
  expect(problems[0] ?? '').toMatch(message)
})

test('a cycle is found, through type imports too, with or without layers', () => {
  const files = {
    'client/a.ts': "import './b.js'",
    'client/b.ts': "import type { C } from './c.js'",
    'client/c.ts': "export * from './a.js'",
  }
  expect(check(files)).toEqual(['house: cycle: client/a.ts -> client/b.ts -> client/c.ts -> client/a.ts'])
  expect(check(files, { mayImport: [] }).length).toBe(1)
})

test('the longest match gives the layer', () => {
  const rules: PackageRules = { mayImport: [], layers: [['client/wire/'], ['client/']] }
  expect(check({ 'client/a.ts': "import './wire/b.js'", 'client/wire/b.ts': '' }, rules)).toEqual([])
  expect(check({ 'client/a.ts': '', 'client/wire/b.ts': "import '../a.js'" }, rules).length).toBe(1)
})

test('files of a folder with inner layers import from lower ones', () => {
  const inside = { 'protocol/': [['bytes.ts'], ['parse.ts', 'write.ts']] }
  const problems = check(
    {
      'protocol/bytes.ts': "import './parse.js'",
      'protocol/parse.ts': '',
      'protocol/more.ts': "import './bytes.js'",
      'protocol/index.ts': "export * from './parse.js'",
    },
    { ...RULES, inside },
  )
  expect(problems.toSorted()).toEqual([
    'house/src/protocol/bytes.ts:1: imports ./parse.js, layer 1 of protocol/, from layer 0',
    'house/src/protocol/more.ts: has no layer inside of protocol/ in layers.json',
    'house/src/protocol/write.ts: is not there, and has a layer in layers.json',
  ])
})
