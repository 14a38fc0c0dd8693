import { createHash, scryptSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { entryXml, titlesOf, wordOf, childrenOf, rootOf } from './support/documents.js'
import { ENTRY, newInstance } from './support/server.js'

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
  test('everybody reads, who signs in writes, and is the author', async () => {
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

  test('drafts are for those who sign in', async () => {
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

test('a page of another server cannot write', async () => {
  const instance = await newInstance()
  const statusOf = async (origin: string) =>
    (await instance.post('/blog', ENTRY, entryXml('x'), { Origin: origin })).status
  expect(await statusOf('https://elsewhere.example')).toBe(403)
  expect(await statusOf('null')).toBe(403)
  expect(await statusOf(instance.url)).toBe(201)
})
