import { servers } from '@larder/dev-servers/vitest'
import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { Workplace } from './larder.js'

test('put, stat, get and remove work on a resource', async () => {
  await using place = await Workplace.open()
  expect((await place.run(['migrate', '--order-by-modified'])).code).toBe(0)
  await writeFile(place.path('about.json'), '{"title":"Home"}')
  const put = await place.run(['put', 'pages', 'home.html', '-m', place.path('about.json')], '<p>Hello')
  expect(put).toEqual({ code: 0, out: 'created home.html, version 1\n', err: '' })
  expect((await place.run(['get', 'pages', 'home.html'])).out).toBe('<p>Hello')
  expect((await place.run(['get', 'pages', 'home.html', '--part', 'metadata'])).out).toBe('{"title":"Home"}')
  await place.run(['get', 'pages', 'home.html', '-o', place.path('copy.html')])
  const again = await place.run(['put', 'pages', 'home.html', place.path('copy.html'), '--json'])
  expect({ version: 2, created: false }).toEqual(
    pick(JSON.parse(again.out) as Record<string, unknown>, ['version', 'created']),
  )
  const [stat] = (await place.values('stat', 'pages', 'home.html')) as Record<
    string,
    Record<string, unknown>
  >[]
  expect(pick(stat?.['content'] ?? {}, ['version', 'size'])).toEqual({ version: 2, size: 8 })
  expect(pick(stat?.['metadata'] ?? {}, ['version', 'size'])).toEqual({ version: 1, size: 16 })
  expect((await place.run(['ls', 'pages'])).out).toBe('home.html\n')
  expect((await place.run(['ls', 'pages', '--ext', 'atom'])).out).toBe('')
  expect((await place.run(['ls', 'pages', '--long', '--order', 'newest'])).out).toMatch(
    /Z +2 {2}home.html\n$/,
  )
  expect((await place.run(['rm', 'pages', 'home.html'])).code).toBe(0)
  expect(await place.values('ls', 'pages')).toEqual([])
})

test('a listing in the order of the last write names the index that it needs', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await place.run(['put', 'pages', 'home.html'], '<p>Hello')
  const { code, err } = await place.run(['ls', 'pages', '--order', 'newest'])
  expect(code).toBe(1)
  expect(err).toMatch(/larder_resource_by_time is missing.*larder migrate --order-by-modified/)
  expect((await place.run(['migrate', '--order-by-modified'])).code).toBe(0)
  expect((await place.run(['ls', 'pages', '--order', 'newest'])).out).toBe('home.html\n')
})

test('a missing resource has an exit code of its own', async () => {
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
  expect(codes).toEqual([3, 3, 3, 0])
  const { err } = await place.run(['get', 'pages', 'gone', '--json'])
  expect((JSON.parse(err) as { error: { code: string } }).error.code).toBe('E_NOT_FOUND')
})

test('conditions that do not hold refuse a write', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  expect((await place.run(['put', 'pages', 'a', '--new'], '1')).code).toBe(0)
  expect((await place.run(['put', 'pages', 'a', '--new'], '2')).code).toBe(4)
  expect((await place.run(['put', 'pages', 'a', '--if-match', '"7"'], '3')).code).toBe(4)
  expect((await place.run(['put', 'pages', 'a', '--if-match', '"1"'], '4')).code).toBe(0)
  expect((await place.run(['get', 'pages', 'a'])).out).toBe('4')
})

test('a write past the cache has to be asked for', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  place.env['MEMCACHE_SERVERS'] = ''
  const refused = await place.run(['put', 'pages', 'a'], '1')
  expect(refused.code).toBe(2)
  expect(refused.err).toMatch(/--servers.*--no-cache/)
  expect((await place.run(['put', 'pages', 'a', '--no-cache'], '1')).code).toBe(0)
  // Reading needs no servers.
  expect((await place.run(['get', 'pages', 'a'])).out).toBe('1')
})

function pick(from: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [name, from[name]]))
}

test('the command works in its folder as a process and ends by itself', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await writeFile(place.path('home.html'), '<p>Hello')
  expect((await place.spawn(['put', 'pages', 'home.html', 'home.html'])).code).toBe(0)
  expect((await place.run(['get', 'pages', 'home.html'])).out).toBe('<p>Hello')
  expect((await place.spawn(['get', 'pages', 'gone'])).code).toBe(3)
})

test.each(['postgres', 'mariadb'] as const)(
  'makes tables and triggers on %s, as often as it is asked to',
  async (kind) => {
    await using database = await servers[kind].createDatabase()
    await using place = await Workplace.open()
    place.env['DATABASE_URL'] = database.url
    const early = await place.run(['ls', 'pages'])
    expect(early.code).toBe(1)
    expect(early.err).toMatch(/larder migrate/)
    for (let i = 0; i < 2; i++) {
      const { code, out } = await place.run(['migrate', '--triggers', 'install'])
      expect([code, out]).toEqual([0, 'the tables are up to date\ntriggers installed\n'])
    }
    await place.run(['put', 'pages', 'a'], 'x')
    expect((await place.run(['get', 'pages', 'a'])).out).toBe('x')
    expect((await place.run(['migrate', '--triggers', 'remove'])).out).toMatch(/triggers removed/)
    const unknown = await place.run(['migrate', '--watch', 'gone', '--json'])
    expect(unknown.code).toBe(1)
    expect(unknown.err).toMatch(/gone/)
  },
)

test.each(['postgres', 'mariadb'] as const)(
  'any names and bytes are stored in %s and read back',
  async (kind) => {
    await using database = await servers[kind].createDatabase()
    await using place = await Workplace.open()
    place.env['DATABASE_URL'] = database.url
    await place.run(['migrate'])
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    const names = ['-x', 'sp ace', 'line\nbreak', 'ünï😀', '--', 'a'.repeat(512)]
    for (const name of names) {
      await writeFile(place.path('bytes'), bytes)
      expect((await place.run(['put', 'pages', '--', name, place.path('bytes')])).code).toBe(0)
      expect((await place.run(['get', 'pages', '-o', place.path('back'), '--', name])).code).toBe(0)
      expect((await readFile(place.path('back'))).equals(bytes), name).toBeTruthy()
      // Once more without the cache.
      const { out } = await place.run(['get', 'pages', '--no-cache', '--json', '--', name])
      const got = JSON.parse(out) as { base64: string }
      expect(got.base64).toBe(bytes.toString('base64'))
    }
    const listed = (await place.values('ls', 'pages')) as { name: string }[]
    expect(listed.map(({ name }) => name).sort()).toEqual([...names].sort())
    expect((await place.run(['rm', 'pages', '--', ...names])).code).toBe(0)
    expect((await place.run(['ls', 'pages'])).out).toBe('')
  },
)

test('a write that did not reach the cache is reported', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  place.env['MEMCACHE_SERVERS'] = '127.0.0.1:1'
  const put = await place.run(['put', 'pages', 'a'], '1')
  expect(put.code).toBe(0)
  expect(put.err).toMatch(/^1 write stored, but the cache did not answer.*larder relay/)
  const { err } = await place.run(['rm', 'pages', 'a', '--json'])
  expect((JSON.parse(err) as { warning: { message: string } }).warning.message).toMatch(/did not answer/)
})
