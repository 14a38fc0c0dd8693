import { startMariadb, startPostgres, type MariadbServer, type PostgresServer } from '@larder/dev-servers'
import { type SqlSession, SqlStorage } from '@larder/storage-sql'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorOf } from './databases.js'

async function writesAndReads(url: string): Promise<void> {
  await using storage = await SqlStorage.open({ url })
  const info = storage.info('c', 'r')
  await storage.putContent(info, url)
  expect((await storage.getContent(info)).bytes.toString()).toBe(url)
}

async function refused(url: string): Promise<string> {
  const error = await errorOf(SqlStorage.open({ url }))
  expect.assert(error instanceof TypeError, `${url}: ${error.name} ${error.message}`)
  expect(error.message).not.toMatch(/secret/)
  return error.message
}

describe('URLs for PostgreSQL', () => {
  let server: PostgresServer
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'larder-socket-'))
    chmodSync(folder, 0o777)
    server = await startPostgres({
      settings: { unix_socket_directories: folder, listen_addresses: '127.0.0.1,::1' },
    })
    sockets = folder
  })
  afterAll(async () => {
    await server.stop()
    rmSync(sockets, { recursive: true, force: true })
  })
  let sockets = ''

  test('with a UNIX socket, in all ways that hosters write it', async () => {
    const { port } = server
    const encoded = encodeURIComponent(sockets)
    for (const url of [
      `postgres://larder@/postgres?host=${sockets}&port=${port}`,
      `postgresql://larder@localhost/postgres?host=${encoded}&port=${port}`,
      `postgres://larder@${encoded}:${port}/postgres`,
      `socket://larder@${sockets}/?db=postgres&encoding=utf8&port=${port}`,
    ]) {
      await writesAndReads(url)
    }
  })

  test('with an IPv6 address', async () => {
    await writesAndReads(`postgres://larder@[::1]:${server.port}/postgres`)
    await writesAndReads(`postgres://larder@[::1]:${server.port},127.0.0.1:1/postgres`)
  })

  test('for a server that a storage cannot be on are refused', async () => {
    for (const attributes of ['any', 'standby', 'prefer-standby', 'read-only']) {
      const url = `postgres://u:secret@a,b/db?target_session_attrs=${attributes}`
      expect(await refused(url)).toMatch(/target_session_attrs must be 'read-write' or 'primary'/)
    }
    for (const url of ['postgres://u:secret@a:1,b:zz/db', 'postgres://u:secret@a:1,b:99999/db'])
      expect(await refused(url)).toMatch(/malformed/)
  })
})

describe('URLs for MySQL and MariaDB', () => {
  let server: MariadbServer
  let certificates = ''
  const file = (name: string) => join(certificates, name)

  beforeAll(async () => {
    certificates = mkdtempSync(join(tmpdir(), 'larder-tls-'))
    chmodSync(certificates, 0o755)
    makeCertificate(certificates)
    server = await startMariadb({
      settings: { 'ssl-cert': file('cert.pem'), 'ssl-key': file('key.pem'), 'bind-address': '*' },
    })
  })
  afterAll(async () => {
    await server.stop()
    rmSync(certificates, { recursive: true, force: true })
  })

  const urlWith = (query: string, host = 'localhost') =>
    `mariadb://larder:larder@${host}:${server.port}/larder?${query}`

  async function isEncrypted(url: string): Promise<boolean> {
    let encrypted = false
    const onSession = async ({ query }: SqlSession) => {
      const [row] = await query("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
      encrypted = row?.['Value'] !== ''
    }
    await using storage = await SqlStorage.open({ url, onSession })
    await storage.exists(storage.info('c', 'r'))
    return encrypted
  }

  test('turn TLS on in the words of every client', async () => {
    const ca = encodeURIComponent(file('cert.pem'))
    for (const query of [
      'ssl-mode=REQUIRED',
      'sslMode=trust',
      'sslaccept=accept_invalid_certs',
      'tls=skip-verify',
      'ssl={"rejectUnauthorized":false}',
      `ssl-ca=${ca}`,
      `ssl-mode=VERIFY_CA&ssl-ca=${ca}`,
      `sslmode=verify-full&ssl_ca=${ca}`,
    ]) {
      expect(await isEncrypted(urlWith(query)), query).toBe(true)
    }
  })

  test('check the certificate where they say so', async () => {
    const ca = encodeURIComponent(file('cert.pem'))
    for (const [query, host] of [
      ['sslaccept=strict', 'localhost'],
      ['ssl=true', 'localhost'],
      ['tls=true', 'localhost'],
      ['ssl-mode=VERIFY_CA', 'localhost'],
      // The certificate is for localhost.
      [`ssl-mode=VERIFY_IDENTITY&ssl-ca=${ca}`, '127.1'],
    ] as const) {
      const error = await errorOf(SqlStorage.open({ url: urlWith(query, host), connectTimeoutMs: 1_000 }))
      expect(error.code, `${query}: ${error.message}`).toBe('E_STORAGE_UNAVAILABLE')
    }
  })

  test('turn TLS off only where they say so, and are used without it as before', async () => {
    for (const query of ['', 'ssl-mode=DISABLED', 'ssl=false', 'tls=false', 'charset=utf8mb4'])
      expect(await isEncrypted(urlWith(query)), query).toBe(false)
  })

  test('with IPv6 addresses and UNIX sockets work', async () => {
    const socket = encodeURIComponent(join(server.folder, 'mariadb.sock'))
    await writesAndReads(`mysql://larder:larder@[::1]:${server.port}/larder`)
    await writesAndReads(`mysql://larder:larder@localhost/larder?socketPath=${socket}`)
    await writesAndReads(`mariadb://larder:larder@localhost/larder?socket=${socket}`)
  })

  test('with a parameter that would be passed over are refused, and the message names the option', async () => {
    const url = (query: string) => `mysql://u:secret@h/db?${query}`
    expect(await refused(url('connection_limit=5'))).toMatch(/"connection_limit".*the option poolSize/)
    expect(await refused(url('connect_timeout=5'))).toMatch(/the option connectTimeoutMs/)
    expect(await refused('mysql://u:secret@[::1]/db?ssl=true')).toMatch(/identity of a server.*VERIFY_CA/)
    expect(await refused(url('foo=1'))).toMatch(/"foo".*the option typeorm/)
    expect(await refused(url('ssl-mode=PREFERRED'))).toMatch(/sslmode must be one of .*required/)
    expect(await refused(url('sslaccept=yes'))).toMatch(/sslaccept must be one of strict, acceptinvalidcerts/)
    expect(await refused(url('ssl=maybe'))).toMatch(/ssl must be one of/)
    expect(await refused(url('ssl={'))).toMatch(/not JSON/)
    expect(await refused(url('ssl-ca=/nowhere.pem'))).toMatch(/cannot be read: \/nowhere\.pem/)
    expect(await refused(url('ssl=false&ssl-mode=REQUIRED'))).toMatch(/different things/)
    expect(await refused(url('ssl=false&ssl-ca=/etc/hostname'))).toMatch(/turns TLS off/)
  })
})

function makeCertificate(folder: string): void {
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ]
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  execFileSync('openssl', [...args, ...files, ...name], { stdio: 'ignore' })
  chmodSync(join(folder, 'key.pem'), 0o644)
}
