import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { test } from 'vitest'
import { Workplace } from './larder.js'

test('what was imported is exported as it was', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await mkdir(place.path('site/news'), { recursive: true })
  const large = Buffer.alloc(3_000_000, 'large ')
  const files = {
    'site/home.html': 'Hello',
    'site/home.html.metadata': '{"title":"Home"}',
    'site/news/first.html': 'News',
    'site/news/large.bin': large,
    'site/only.metadata': 'no content',
  }
  for (const [name, bytes] of Object.entries(files)) await writeFile(place.path(name), bytes)
  const imported = await place.run(['import', place.path('site'), 'pages'])
  assert.deepEqual(imported, { code: 0, out: '4 resources stored, 3.0 MB\n', err: '' })
  assert.equal((await place.run(['get', 'pages', 'only', '--part', 'metadata'])).out, 'no content')
  const exported = await place.run(['export', 'pages', place.path('copy')])
  assert.deepEqual(exported, { code: 0, out: '4 resources written, 3.0 MB\n', err: '' })
  const found = (await readdir(place.path('copy'), { recursive: true })).sort()
  assert.deepEqual(found, [
    'home.html',
    'home.html.metadata',
    'news',
    'news/first.html',
    'news/large.bin',
    'only.metadata',
  ])
  for (const [name, bytes] of Object.entries(files)) {
    const copy = await readFile(place.path(name.replace('site', 'copy')))
    assert.ok(copy.equals(Buffer.from(bytes)), name)
  }
})

test('leaves alone what is there with --new, and writes nothing with --dry-run', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await mkdir(place.path('site'))
  for (const name of ['a', 'b']) await writeFile(place.path(`site/${name}`), 'from the folder')
  assert.equal((await place.run(['import', place.path('site'), 'pages', '--dry-run'])).out, 'a\nb\n')
  assert.equal((await place.run(['ls', 'pages'])).out, '')
  await place.run(['put', 'pages', 'a'], 'from before')
  assert.deepEqual(await place.values('import', place.path('site'), 'pages', '--new'), [
    { stored: 1, there: 1, bytes: 15, skipped: [] },
  ])
  assert.equal((await place.run(['get', 'pages', 'a'])).out, 'from before')
})

test('draws a bar on a terminal, and none where results are for programs', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await mkdir(place.path('site'))
  for (const name of ['a', 'b']) await writeFile(place.path(`site/${name}`), name)
  const shown = await place.run(['import', place.path('site'), 'pages'], '', true)
  assert.match(shown.err, /import \[=+\] 2 of 2/)
  assert.equal(shown.out, '2 resources stored, 2 bytes\n')
  assert.equal((await place.run(['import', place.path('site'), 'pages', '--json'], '', true)).err, '')
})

test('what cannot be stored or written is named, and the rest goes on', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await mkdir(place.path('site'))
  await writeFile(place.path('site/a'), 'a')
  await symlink('a', place.path('site/link'))
  const imported = await place.run(['import', place.path('site'), 'pages'])
  assert.equal(imported.code, 1)
  assert.match(imported.err, /skipped link: no regular file/)
  for (const name of ['../outside', '/root', 'x/../../y', 'a.metadata'])
    await place.run(['put', 'pages', name], 'x')
  const exported = await place.run(['export', 'pages', place.path('copy')])
  assert.equal(exported.code, 1)
  assert.match(exported.out, /^1 resource written, 1 bytes; 4 skipped/)
  assert.deepEqual(await readdir(place.path('copy')), ['a'])
  assert.deepEqual((await readdir(place.folder)).sort().slice(0, 2), ['copy', 'larder.sqlite'])
  const refused = await place.run(['export', 'pages', place.path('copy')])
  assert.equal(refused.code, 2)
  assert.match(refused.err, /not empty/)
  assert.equal((await place.run(['import', place.path('nowhere'), 'pages'])).code, 1)
})

test('an export names what cannot be a file, and writes the others', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  const long = 'x'.repeat(300)
  for (const name of ['a', 'a/b', 'c', 'd.metadata/e', long, 'z'])
    await place.run(['put', 'pages', name], `content of ${name}`)
  await place.run(['put', 'pages', 'd', '--part', 'metadata'], 'about d')
  const [result] = (await place.values('export', 'pages', place.path('copy'))) as [
    { written: number; skipped: { name: string; reason: string }[] },
  ]
  // One of each two is the file, and the other would have to be a folder of that name.
  assert.deepEqual([result.written, result.skipped.length], [4, 3])
  const skipped = result.skipped.map(({ name }) => name)
  for (const pair of [['a', 'a/b'], ['d', 'd.metadata/e'], [long]])
    assert.equal(pair.filter((name) => skipped.includes(name)).length, 1, pair.join())
  assert.ok(result.skipped.every(({ reason }) => /^(EISDIR|ENOTDIR|EEXIST|ENAMETOOLONG)/.test(reason)))
  assert.equal(await readFile(place.path('copy/z'), 'utf8'), 'content of z')
  const again = await place.run(['export', 'pages', place.path('copy'), '--force'])
  assert.equal(again.code, 1)
  assert.match(again.err, /^skipped a(\/b)?: /m)
})
