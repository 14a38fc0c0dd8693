import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { Workplace } from './larder.js'

test('an export restores the imported files', async () => {
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
  expect(imported).toEqual({ code: 0, out: '4 resources stored, 3.0 MB\n', err: '' })
  expect((await place.run(['get', 'pages', 'only', '--part', 'metadata'])).out).toBe('no content')
  const exported = await place.run(['export', 'pages', place.path('copy')])
  expect(exported).toEqual({ code: 0, out: '4 resources written, 3.0 MB\n', err: '' })
  const found = (await readdir(place.path('copy'), { recursive: true })).sort()
  expect(found).toEqual([
    'home.html',
    'home.html.metadata',
    'news',
    'news/first.html',
    'news/large.bin',
    'only.metadata',
  ])
  for (const [name, bytes] of Object.entries(files)) {
    const copy = await readFile(place.path(name.replace('site', 'copy')))
    expect(copy.equals(Buffer.from(bytes)), name).toBeTruthy()
  }
})

test('--new keeps existing resources, and --dry-run writes nothing', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await mkdir(place.path('site'))
  for (const name of ['a', 'b']) await writeFile(place.path(`site/${name}`), 'from the folder')
  expect((await place.run(['import', place.path('site'), 'pages', '--dry-run'])).out).toBe('a\nb\n')
  expect((await place.run(['ls', 'pages'])).out).toBe('')
  await place.run(['put', 'pages', 'a'], 'from before')
  expect(await place.values('import', place.path('site'), 'pages', '--new')).toEqual([
    { stored: 1, there: 1, bytes: 15, skipped: [] },
  ])
  expect((await place.run(['get', 'pages', 'a'])).out).toBe('from before')
})

test('draws a bar on a terminal, and none where results are for programs', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await mkdir(place.path('site'))
  for (const name of ['a', 'b']) await writeFile(place.path(`site/${name}`), name)
  const shown = await place.run(['import', place.path('site'), 'pages'], '', true)
  expect(shown.err).toMatch(/import \[=+\] 2 of 2/)
  expect(shown.out).toBe('2 resources stored, 2 bytes\n')
  expect((await place.run(['import', place.path('site'), 'pages', '--json'], '', true)).err).toBe('')
})

test('a file that cannot be stored or written is named, and the others are processed', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await mkdir(place.path('site'))
  await writeFile(place.path('site/a'), 'a')
  await symlink('a', place.path('site/link'))
  const imported = await place.run(['import', place.path('site'), 'pages'])
  expect(imported.code).toBe(1)
  expect(imported.err).toMatch(/skipped link: no regular file/)
  for (const name of ['../outside', '/root', 'x/../../y', 'a.metadata'])
    await place.run(['put', 'pages', name], 'x')
  const exported = await place.run(['export', 'pages', place.path('copy')])
  expect(exported.code).toBe(1)
  expect(exported.out).toMatch(/^1 resource written, 1 bytes; 4 skipped/)
  expect(await readdir(place.path('copy'))).toEqual(['a'])
  expect((await readdir(place.folder)).sort().slice(0, 2)).toEqual(['copy', 'larder.sqlite'])
  const refused = await place.run(['export', 'pages', place.path('copy')])
  expect(refused.code).toBe(2)
  expect(refused.err).toMatch(/not empty/)
  expect((await place.run(['import', place.path('nowhere'), 'pages'])).code).toBe(1)
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
  expect([result.written, result.skipped.length]).toEqual([4, 3])
  const skipped = result.skipped.map(({ name }) => name)
  for (const pair of [['a', 'a/b'], ['d', 'd.metadata/e'], [long]])
    expect(pair.filter((name) => skipped.includes(name)).length, pair.join()).toBe(1)
  expect(
    result.skipped.every(({ reason }) => /^(EISDIR|ENOTDIR|EEXIST|ENAMETOOLONG)/.test(reason)),
  ).toBeTruthy()
  expect(await readFile(place.path('copy/z'), 'utf8')).toBe('content of z')
  const again = await place.run(['export', 'pages', place.path('copy'), '--force'])
  expect(again.code).toBe(1)
  expect(again.err).toMatch(/^skipped a(\/b)?: /m)
})
