import { startMariadb, startPostgres } from '@larder/dev-servers'
import { type SqlSession, SqlStorage } from '@larder/storage-sql'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DataSource } from 'typeorm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorOf } from './databases.js'

/** Servers that let in only clients with a certificate of one authority. */
let folder = ''
const file = (name: string) => join(folder, name)
const parameter = (name: string) => encodeURIComponent(file(name))

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'larder-certificates-'))
  chmodSync(folder, 0o755)
  for (const authority of ['ca', 'other-ca']) {
    openssl(
      'req',
      '-x509',
      ...newKey(authority),
      '-out',
      file(`${authority}.pem`),
      '-subj',
      `/CN=${authority}`,
    )
  }
  issue('server', 'localhost', 'ca')
  issue('client', 'larder', 'ca')
  issue('stranger', 'larder', 'other-ca')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' })
}

function newKey(name: string): string[] {
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  return [...kind, '-days', '2', '-keyout', file(`${name}.key`)]
}

function issue(name: string, commonName: string, authority: string): void {
  const request = file(`${name}.csr`)
  openssl('req', ...newKey(name), '-out', request, '-subj', `/CN=${commonName}`)
  writeFileSync(file('extensions'), `subjectAltName=DNS:${commonName}`)
  const signer = ['-CA', file(`${authority}.pem`), '-CAkey', file(`${authority}.key`), '-CAcreateserial']
  const certificate = ['-out', file(`${name}.pem`), '-days', '2', '-extfile', file('extensions')]
  openssl('x509', '-req', '-in', request, ...signer, ...certificate)
  chmodSync(file(`${name}.key`), 0o644)
}

async function refusalOf(url: string): Promise<string> {
  const error = await errorOf(SqlStorage.open({ url, connectTimeoutMs: 2_000 }))
  expect(error.code, error.message).toBe('E_STORAGE_UNAVAILABLE')
  expect(`${error.stack ?? ''} ${(error.cause as Error).message}`).not.toMatch(/secret|BEGIN/)
  return `${error.message} ${(error.cause as Error).message}`
}

describe('a client certificate in the URL of MariaDB', () => {
  let server: Awaited<ReturnType<typeof startMariadb>>
  beforeAll(async () => {
    const tls = { 'ssl-ca': file('ca.pem'), 'ssl-cert': file('server.pem'), 'ssl-key': file('server.key') }
    server = await startMariadb({ settings: tls })
    const admin = await new DataSource({ type: 'mariadb', url: server.url }).initialize()
    await admin.query("CREATE USER 'carrier'@'%' IDENTIFIED BY 'secret' REQUIRE X509")
    await admin.query("GRANT ALL PRIVILEGES ON larder.* TO 'carrier'@'%'")
    await admin.destroy()
  })
  afterAll(() => server.stop())

  const urlWith = (query: string) => `mariadb://carrier:secret@localhost:${server.port}/larder?${query}`

  test('is shown to the server', async () => {
    let subject = ''
    const onSession = async ({ query }: SqlSession) => {
      const [row] = await query("SHOW SESSION STATUS LIKE 'Ssl_version'")
      subject = String(row?.['Value'])
    }
    const files = `ssl-ca=${parameter('ca.pem')}&ssl-cert=${parameter('client.pem')}&ssl-key=${parameter('client.key')}`
    await using storage = await SqlStorage.open({ url: urlWith(files), onSession })
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'with a certificate')
    expect((await storage.getContent(info)).bytes.toString()).toBe('with a certificate')
    expect(subject).toMatch(/^TLS/)
  })

  test('is missed, or of another authority: the server refuses the connection', async () => {
    const ca = `ssl-ca=${parameter('ca.pem')}`
    expect(await refusalOf(urlWith(ca))).toMatch(/Access denied/)
    const stranger = `${ca}&ssl-cert=${parameter('stranger.pem')}&ssl-key=${parameter('stranger.key')}`
    await refusalOf(urlWith(stranger))
  })

  test('does not hide that the server is of another authority', async () => {
    const files = `ssl-ca=${parameter('other-ca.pem')}&ssl-cert=${parameter('client.pem')}&ssl-key=${parameter('client.key')}`
    expect(await refusalOf(urlWith(files))).toMatch(/certificate/i)
  })
})

describe('a client certificate in the URL of PostgreSQL', () => {
  let server: Awaited<ReturnType<typeof startPostgres>>
  beforeAll(async () => {
    // PostgreSQL refuses a key that others can read. The owner must be the server's user, or root.
    copyFileSync(file('server.key'), file('postgres.key'))
    chmodSync(file('postgres.key'), 0o640)
    writeFileSync(
      file('pg_hba.conf'),
      ['hostnossl all all 0.0.0.0/0 trust', 'hostssl all all 0.0.0.0/0 cert clientcert=verify-full', ''].join(
        '\n',
      ),
      { mode: 0o644 },
    )
    if (process.getuid?.() === 0) {
      const gid = Number(execFileSync('id', ['-g', 'postgres'], { encoding: 'utf8' }))
      chownSync(file('postgres.key'), statSync(file('postgres.key')).uid, gid)
    } else chmodSync(file('postgres.key'), 0o600)
    server = await startPostgres({
      settings: {
        ssl: 'on',
        ssl_ca_file: file('ca.pem'),
        ssl_cert_file: file('server.pem'),
        ssl_key_file: file('postgres.key'),
        hba_file: file('pg_hba.conf'),
      },
    })
  })
  afterAll(() => server.stop())

  const urlWith = (query: string, host = 'localhost') =>
    `postgres://larder@${host}:${server.port}/postgres?${query}`
  const client = () => `sslcert=${parameter('client.pem')}&sslkey=${parameter('client.key')}`

  async function subjectWith(url: string): Promise<unknown> {
    let subject: unknown
    const onSession = async ({ query }: SqlSession) => {
      const [row] = await query('SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
      subject = row?.['client_dn']
    }
    await using storage = await SqlStorage.open({ url, onSession })
    await storage.exists(storage.info('c', 'r'))
    return subject
  }

  test('is shown to the server', async () => {
    for (const query of [
      `sslmode=verify-full&sslrootcert=${parameter('ca.pem')}&${client()}`,
      `sslrootcert=${parameter('ca.pem')}&${client()}`,
      `sslmode=no-verify&${client()}`,
    ])
      expect(await subjectWith(urlWith(query)), query).toBe('/CN=larder')
  })

  test('is shown to each of several hosts', async () => {
    const query = `sslmode=verify-full&sslrootcert=${parameter('ca.pem')}&${client()}`
    const hosts = `localhost:1,localhost`
    expect(await subjectWith(urlWith(query, hosts))).toBe('/CN=larder')
  })

  test('is missed, or of another authority: the server refuses the connection', async () => {
    const ca = `sslmode=verify-full&sslrootcert=${parameter('ca.pem')}`
    expect(await refusalOf(urlWith(ca))).toMatch(/certificate/)
    await refusalOf(urlWith(`${ca}&sslcert=${parameter('stranger.pem')}&sslkey=${parameter('stranger.key')}`))
  })

  test('does not hide that the server is of another authority, or has another name', async () => {
    const query = (ca: string) => `sslmode=verify-full&sslrootcert=${parameter(ca)}&${client()}`
    expect(await refusalOf(urlWith(query('other-ca.pem')))).toMatch(/certificate/)
    expect(await refusalOf(urlWith(query('ca.pem'), '127.0.0.1'))).toMatch(/certificate|altnames/i)
  })

  test('that cannot be read is a TypeError before any connection', async () => {
    const url = urlWith(`sslcert=${parameter('client.pem')}&sslkey=/nowhere.key`)
    const error = await errorOf(SqlStorage.open({ url }))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(/sslkey .* cannot be read: \/nowhere\.key/)
  })

  test('beside an sslmode that does not exist is a TypeError', async () => {
    const error = await errorOf(SqlStorage.open({ url: urlWith(`sslmode=verify&${client()}`) }))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(/sslmode must be one of disable, .*, got "verify"/)
  })
})
