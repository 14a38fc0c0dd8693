import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { startMariadb, startMemcached, startPostgres } from '@larder/dev-servers'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, isRunning } from './support.js'

async function postgresAnswers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 500, query_timeout: 500 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return (await client.query<{ one: number }>('SELECT 1 AS one')).rows[0]?.one === 1
  } catch {
    return false
  } finally {
    void client.end().catch(() => undefined)
  }
}

async function mariadbAnswers(url: string): Promise<boolean> {
  const connecting = createConnection({ uri: url, connectTimeout: 500 })
  try {
    const connection = await connecting
    const [rows] = await connection.query('SELECT 1 AS one')
    connection.destroy()
    return (rows as { one: number }[])[0]?.one === 1
  } catch {
    return false
  }
}

async function memcachedAnswers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  const reply = await ask({ host: hostname, port: Number(port) }, 'version\r\n')
  return reply.startsWith('VERSION ')
}

const kinds = [
  { name: 'memcached', start: () => startMemcached(), answers: memcachedAnswers },
  { name: 'PostgreSQL', start: () => startPostgres(), answers: postgresAnswers },
  { name: 'MariaDB', start: () => startMariadb(), answers: mariadbAnswers },
]

describe.each(kinds)('$name', ({ start, answers }) => {
  let server: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server.stop())

  test('answers on the loopback interface', async () => {
    expect(server.host).toBe('127.0.0.1')
    expect(await answers(server.url)).toBeTruthy()
  })

  test('answers again on the same port after a restart', async () => {
    const { port, pid } = server
    await server.restart()
    expect(server.port).toBe(port)
    expect(server.pid).not.toBe(pid)
    expect(isRunning(pid)).toBeFalsy()
    expect(await answers(server.url)).toBeTruthy()
  })

  test('is silent while paused, and answers when resumed', async () => {
    server.pause()
    const whilePaused = await answers(server.url)
    server.resume()
    expect(whilePaused).toBeFalsy()
    expect(await answers(server.url)).toBeTruthy()
  })

  test('ends after a kill and can be restarted', async () => {
    const { pid } = server
    await server.kill()
    expect(isRunning(pid)).toBeFalsy()
    expect(server.running).toBeFalsy()
    expect(() => server.pid).toThrow(/not running/)
    expect(await answers(server.url)).toBeFalsy()
    await server.restart()
    expect(await answers(server.url)).toBeTruthy()
  })

  test('can be killed and stopped while paused', async () => {
    server.pause()
    await server.kill()
    await server.restart()
    server.pause()
    await server.restart()
    expect(await answers(server.url)).toBeTruthy()
  })

  test('stops, removes its folder, and may be stopped twice', async () => {
    const { folder, pid } = server
    expect(existsSync(folder)).toBeTruthy()
    await server.stop()
    await server.stop()
    expect(existsSync(folder)).toBeFalsy()
    expect(isRunning(pid)).toBeFalsy()
    expect(await answers(server.url)).toBeFalsy()
  })
})

test('memcached listens on a UNIX socket when asked', async () => {
  await using server = await startMemcached({ unixSocket: true })
  const path = server.socketPath
  expect.assert(path !== undefined && dirname(path) === server.folder)
  expect(await ask({ path }, 'version\r\n')).toMatch(/^VERSION /)
  await server.restart()
  expect(await ask({ path }, 'version\r\n')).toMatch(/^VERSION /)
})

test('memcached takes more arguments', async () => {
  await using server = await startMemcached({ args: ['-m', '8', '-I', '2m'] })
  const settings = await ask(server, 'stats settings\r\n')
  expect(settings).toMatch(/STAT maxbytes 8388608\r\n/)
  expect(settings).toMatch(/STAT item_size_max 2097152\r\n/)
})

test('a server that cannot start rejects with the reason', async () => {
  await expect(startMemcached({ args: ['--no-such-option'] })).rejects.toThrow(
    /did not start.*no-such-option/s,
  )
})

test('a port that is taken is refused when it was asked for', async () => {
  await using first = await startMemcached()
  await expect(startMemcached({ port: first.port })).rejects.toThrow(/memcached did not start/)
})
