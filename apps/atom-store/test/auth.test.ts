import { createHash, scryptSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { entryXml, titlesOf, wordOf, childrenOf, rootOf } from './support/documents.js'
import { ENTRY, type Instance, newInstance } from './support/server.js'

const SALT = Buffer.from('salt of the tests')
const PASSWORD = `scrypt:${SALT.toString('hex')}:${scryptSync('s\u{e9}same', SALT, 32).toString('hex')}`
const AUTH = {
  realm: 'Letters',
  users: [{ name: 'ann', password: PASSWORD }],
  tokens: [{ name: 'robot', sha256: createHash('sha256').update('t0ken').digest('hex') }],
}
const DRAFT = '<control xmlns="http://www.w3.org/2007/app"><draft>yes</draft></control>'

const basic = (name: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
})
const ANN = basic('ann', 's\u{e9}same')
const ROBOT = { Authorization: 'Bearer t0ken' }

describe('with users', () => {
  test('everybody can read, and users who sign in can write and become the author', async () => {
    const instance = await newInstance({ config: { auth: AUTH } })
    expect((await instance.get('/blog')).status).toBe(200)
    const refused = await instance.post('/blog', ENTRY, entryXml('x'))
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      'Basic realm="Letters", Bearer realm="Letters"',
    ])
    for (const [who, name] of [
      [ANN, 'ann'],
      [ANN, 'ann'],
      [ROBOT, 'robot'],
    ] as const) {
      const { status, text } = await instance.post('/blog', ENTRY, entryXml('x'), who)
      expect([status, wordOf(childrenOf(rootOf(text), 'author')[0]!, 'name')]).toEqual([201, name])
    }
    expect((await instance.put('/blog/x', ENTRY, entryXml('y'))).status).toBe(401)
    expect((await instance.call('DELETE', '/blog/x')).status).toBe(401)
    expect((await instance.get('/blog/x')).text).toContain('<title>x</title>')
  })

  test.each([
    ['another password', basic('ann', 'sesam')],
    ['no password', basic('ann', '')],
    ['a name that nobody has', basic('bob', 's\u{e9}same')],
    ['another token', { Authorization: 'Bearer token' }],
    ['a scheme that is not known', { Authorization: 'Digest username="ann"' }],
    ['what is no header', { Authorization: 'Basic ===' }],
  ])('%s', async (_, headers) => {
    const instance = await newInstance({ config: { auth: AUTH } })
    expect((await instance.post('/blog', ENTRY, entryXml('x'), ANN)).status).toBe(201)
    expect((await instance.post('/blog', ENTRY, entryXml('x'), headers)).status).toBe(401)
    expect((await instance.get('/blog', headers)).status).toBe(401)
  })

  test('only signed-in users see drafts', async () => {
    const instance = await newInstance({ config: { auth: AUTH } })
    await instance.post('/blog', ENTRY, entryXml('d', DRAFT), ANN)
    expect(titlesOf((await instance.get('/blog', ANN)).text)).toEqual(['d'])
    for (const path of ['/blog', '/blog?drafts=yes'])
      expect(titlesOf((await instance.get(path)).text)).toEqual([])
    expect([(await instance.get('/blog/d')).status, (await instance.get('/blog/d', ANN)).status]).toEqual([
      404, 200,
    ])
  })

  test('reading can be theirs alone', async () => {
    const instance = await newInstance({ config: { auth: { ...AUTH, publicReading: false } } })
    for (const path of ['/', '/service', '/blog', '/blog/x'])
      expect((await instance.get(path)).status).toBe(401)
    expect((await instance.get('/service', ROBOT)).status).toBe(200)
  })
})

describe('wrong passwords', () => {
  const post = async (instance: Instance, headers: Readonly<Record<string, string>>) =>
    instance.post('/blog', ENTRY, entryXml('x'), headers)

  test('can be tried so many times only, and then the right one as well', async () => {
    const instance = await newInstance({ config: { auth: { ...AUTH, maxGuesses: 3 } } })
    const guesses = await Promise.all([1, 2, 3, 4, 5].map((i) => post(instance, basic('ann', `no ${i}`))))
    expect(guesses.map(({ status }) => status).toSorted()).toEqual([401, 401, 401, 429, 429])
    const late = await post(instance, ANN)
    expect(late.status).toBe(429)
    const seconds = Number(late.headers.get('retry-after'))
    expect([seconds > 0, seconds <= 15 * 60]).toEqual([true, true])
    // Others are not held up, and reading without a name goes on.
    expect((await post(instance, ROBOT)).status).toBe(201)
    expect((await instance.get('/blog')).status).toBe(200)
  })

  test('do not delay users who are signed in', async () => {
    const instance = await newInstance({ config: { auth: { ...AUTH, maxGuesses: 2 } } })
    // Many at once with the right one, as a browser begins, are no guesses.
    const posts = await Promise.all([1, 2, 3, 4].map(() => post(instance, ANN)))
    expect(posts.map(({ status }) => status)).toEqual([201, 201, 201, 201])
    for (let i = 0; i < 4; i++) await post(instance, basic('ann', `no ${i}`))
    expect([(await post(instance, basic('ann', 'no'))).status, (await post(instance, ANN)).status]).toEqual([
      429, 201,
    ])
  })

  test('of many names are counted together, and so are tokens', async () => {
    const instance = await newInstance({ config: { auth: { ...AUTH, maxGuesses: 1 } } })
    for (let i = 0; i < 10; i++) expect((await post(instance, basic(`n${i}`, 'x'))).status).toBe(401)
    expect((await post(instance, basic('n10', 'x'))).status).toBe(429)
    expect((await post(instance, ROBOT)).status).toBe(429)
  })
})

test('what takes signing in is kept by nobody else', async () => {
  const caching = async (instance: Instance, path: string, headers = {}) =>
    (await instance.get(path, headers)).headers.get('cache-control')
  const open = await newInstance()
  expect([await caching(open, '/blog'), await caching(open, '/nowhere')]).toEqual(['no-cache', 'no-store'])
  const partly = await newInstance({ config: { auth: AUTH } })
  expect([await caching(partly, '/blog'), await caching(partly, '/blog', ANN)]).toEqual([
    'no-cache',
    'private, no-cache',
  ])
  expect(await caching(partly, '/blog', basic('ann', 'wrong'))).toBe('no-store')
  const closed = await newInstance({ config: { auth: { ...AUTH, publicReading: false } } })
  expect([await caching(closed, '/blog'), await caching(closed, '/blog', ROBOT)]).toEqual([
    'no-store',
    'private, no-cache',
  ])
})

test('a page of another server cannot write', async () => {
  const instance = await newInstance()
  const fromSite = async (site: string) =>
    (await instance.post('/blog', ENTRY, entryXml('x'), { 'Sec-Fetch-Site': site })).status
  const sites = ['cross-site', 'same-site', 'same-origin', 'none']
  expect(await Promise.all(sites.map(fromSite))).toEqual([403, 403, 201, 201])
  const statusOf = async (origin: string) =>
    (await instance.post('/blog', ENTRY, entryXml('x'), { Origin: origin })).status
  expect(await statusOf('https://elsewhere.example')).toBe(403)
  expect(await statusOf('null')).toBe(403)
  expect(await statusOf(instance.url)).toBe(201)
})
