import { servers } from '@larder/dev-servers/vitest'
import { readFile, writeFile } from 'node:fs/promises'
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { Workplace } from './larder.js'

test('stores, tells of, gives back and removes a resource', async () => {
  await using place = await Workplace.open()
  assert.equal((await place.run(['migrate', '--order-by-modified'])).code, 0)
  await writeFile(place.path('about.json'), '{"title":"Home"}')
  const put = await place.run(['put', 'pages', 'home.html', '-m', place.path('about.json')], '<p>Hello')
  assert.deepEqual(put, { code: 0, out: 'created home.html, version 1\n', err: '' })
  assert.equal((await place.run(['get', 'pages', 'home.html'])).out, '<p>Hello')
  assert.equal((await place.run(['get', 'pages', 'home.html', '--part', 'metadata'])).out, '{"title":"Home"}')
  await place.run(['get', 'pages', 'home.html', '-o', place.path('copy.html')])
  const again = await place.run(['put', 'pages', 'home.html', place.path('copy.html'), '--json'])
  assert.deepEqual(
    { version: 2, created: false },
    pick(JSON.parse(again.out) as Record<string, unknown>, ['version', 'created']),
  )
  const [stat] = (await place.values('stat', 'pages', 'home.html')) as Record<
    string,
    Record<string, unknown>
  >[]
  assert.deepEqual(pick(stat?.['content'] ?? {}, ['version', 'size']), { version: 2, size: 8 })
  assert.deepEqual(pick(stat?.['metadata'] ?? {}, ['version', 'size']), { version: 1, size: 16 })
  assert.equal((await place.run(['ls', 'pages'])).out, 'home.html\n')
  assert.equal((await place.run(['ls', 'pages', '--ext', 'atom'])).out, '')
  assert.match((await place.run(['ls', 'pages', '--long', '--order', 'newest'])).out, /Z +2 {2}home.html\n$/)
  assert.equal((await place.run(['rm', 'pages', 'home.html'])).code, 0)
  assert.deepEqual(await place.values('ls', 'pages'), [])
})

test('a listing in the order of the last write names the index that it needs', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await place.run(['put', 'pages', 'home.html'], '<p>Hello')
  const { code, err } = await place.run(['ls', 'pages', '--order', 'newest'])
  assert.equal(code, 1)
  assert.match(err, /larder_resource_by_time is missing.*larder migrate --order-by-modified/)
  assert.equal((await place.run(['migrate', '--order-by-modified'])).code, 0)
  assert.equal((await place.run(['ls', 'pages', '--order', 'newest'])).out, 'home.html\n')
})

test('what is not there is told by the exit code', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  const codes = []
  for (const args of [
    ['get', 'pages', 'gone'],
    ['stat', 'pages', 'gone'],
    ['rm', 'pages', 'gone'],
    ['rm', 'pages', 'gone', '--force'],
  ]) {
    codes.push((await place.run(args)).code)
  }
  assert.deepEqual(codes, [3, 3, 3, 0])
  const { err } = await place.run(['get', 'pages', 'gone', '--json'])
  assert.equal((JSON.parse(err) as { error: { code: string } }).error.code, 'E_NOT_FOUND')
})

test('conditions that do not hold refuse a write', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  assert.equal((await place.run(['put', 'pages', 'a', '--new'], '1')).code, 0)
  assert.equal((await place.run(['put', 'pages', 'a', '--new'], '2')).code, 4)
  assert.equal((await place.run(['put', 'pages', 'a', '--if-match', '"7"'], '3')).code, 4)
  assert.equal((await place.run(['put', 'pages', 'a', '--if-match', '"1"'], '4')).code, 0)
  assert.equal((await place.run(['get', 'pages', 'a'])).out, '4')
})

test('a write past the cache has to be asked for', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  place.env['MEMCACHE_SERVERS'] = ''
  const refused = await place.run(['put', 'pages', 'a'], '1')
  assert.equal(refused.code, 2)
  assert.match(refused.err, /--servers.*--no-cache/)
  assert.equal((await place.run(['put', 'pages', 'a', '--no-cache'], '1')).code, 0)
  // Reading needs no servers.
  assert.equal((await place.run(['get', 'pages', 'a'])).out, '1')
})

function pick(from: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [name, from[name]]))
}

test('as a process of its own it works in its folder, and ends by itself', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await writeFile(place.path('home.html'), '<p>Hello')
  assert.equal((await place.spawn(['put', 'pages', 'home.html', 'home.html'])).code, 0)
  assert.equal((await place.run(['get', 'pages', 'home.html'])).out, '<p>Hello')
  assert.equal((await place.spawn(['get', 'pages', 'gone'])).code, 3)
})

test.each(['postgres', 'mariadb'] as const)(
  'makes tables and triggers on %s, as often as it is asked to',
  async (kind) => {
    await using database = await servers[kind].createDatabase()
    await using place = await Workplace.open()
    place.env['DATABASE_URL'] = database.url
    const early = await place.run(['ls', 'pages'])
    assert.equal(early.code, 1)
    assert.match(early.err, /larder migrate/)
    for (let i = 0; i < 2; i++) {
      const { code, out } = await place.run(['migrate', '--triggers', 'install'])
      assert.deepEqual([code, out], [0, 'the tables are up to date\ntriggers installed\n'])
    }
    await place.run(['put', 'pages', 'a'], 'x')
    assert.equal((await place.run(['get', 'pages', 'a'])).out, 'x')
    assert.match((await place.run(['migrate', '--triggers', 'remove'])).out, /triggers removed/)
    const unknown = await place.run(['migrate', '--watch', 'gone', '--json'])
    assert.equal(unknown.code, 1)
    assert.match(unknown.err, /gone/)
  },
)

test.each(['postgres', 'mariadb'] as const)('names and bytes of any kind go to %s and back', async (kind) => {
  await using database = await servers[kind].createDatabase()
  await using place = await Workplace.open()
  place.env['DATABASE_URL'] = database.url
  await place.run(['migrate'])
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  const names = ['-x', 'sp ace', 'line\nbreak', 'ünï😀', '--', 'a'.repeat(512)]
  for (const name of names) {
    await writeFile(place.path('bytes'), bytes)
    assert.equal((await place.run(['put', 'pages', '--', name, place.path('bytes')])).code, 0)
    assert.equal((await place.run(['get', 'pages', '-o', place.path('back'), '--', name])).code, 0)
    assert.ok((await readFile(place.path('back'))).equals(bytes), name)
    // Once more without the cache.
    const { out } = await place.run(['get', 'pages', '--no-cache', '--json', '--', name])
    const got = JSON.parse(out) as { base64: string }
    assert.equal(got.base64, bytes.toString('base64'))
  }
  const listed = (await place.values('ls', 'pages')) as { name: string }[]
  assert.deepEqual(listed.map(({ name }) => name).sort(), [...names].sort())
  assert.equal((await place.run(['rm', 'pages', '--', ...names])).code, 0)
  assert.equal((await place.run(['ls', 'pages'])).out, '')
})

test('a write that the cache has not heard of is told', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  place.env['MEMCACHE_SERVERS'] = '127.0.0.1:1'
  const put = await place.run(['put', 'pages', 'a'], '1')
  assert.equal(put.code, 0)
  assert.match(put.err, /^1 write stored, but the cache did not answer.*larder relay/)
  const { err } = await place.run(['rm', 'pages', 'a', '--json'])
  assert.match((JSON.parse(err) as { warning: { message: string } }).warning.message, /did not answer/)
})
