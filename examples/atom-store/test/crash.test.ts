import { servers } from '@larder/dev-servers/vitest'
import Database from 'better-sqlite3'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { titlesOf } from './support/documents.js'
import { startProgram } from './support/program.js'

// Each starts processes, which takes its time on a machine that is busy.
vi.setConfig({ testTimeout: 90_000 })

const PIECE = Buffer.alloc(1024 * 1024, 'larder')

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'a process that ends by %s in the middle of a media POST leaves nothing',
  async (signal) => {
    const folder = await mkdtemp(join(tmpdir(), 'larder-atom-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    // With servers that all share, nobody has to wait for the claim of who was killed.
    const env = { MEMCACHE_SERVERS: servers.memcached.servers }
    const program = await startProgram(['--data', folder, '--no-seed'], env)
    const [url = ''] = program.urls
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    // A connection that is reset is closed as well.
    const closed = new Promise((resolve) => void socket.on('error', () => undefined).once('close', resolve))
    const head = 'POST /pictures HTTP/1.1\r\nHost: x\r\nSlug: cut\r\nContent-Type: image/png\r\n'
    socket.write(`${head}Content-Length: ${PIECE.length * 4}\r\n\r\n`)
    for (let piece = 0; piece < 3; piece++) socket.write(PIECE)
    socket.resume()
    await untilStored(join(folder, 'atom-store.sqlite'))
    await program.end(signal)
    await closed

    const again = await startProgram(['--data', folder, '--no-seed'], env)
    const [address = ''] = again.urls
    expect(titlesOf(await (await fetch(`${address}/pictures`)).text())).toEqual([])
    const options = { method: 'POST', headers: { 'Content-Type': 'image/png', Slug: 'cut' }, body: 'whole' }
    const created = await fetch(`${address}/pictures`, options)
    expect(created.headers.get('location')).toBe(`${address}/pictures/cut`)
    expect(await (await fetch(`${address}/pictures/cut/media`)).text()).toBe('whole')
  },
)

/** Waits until a part of the media has come in. */
async function untilStored(file: string): Promise<void> {
  const database = new Database(file, { readonly: true })
  try {
    const count = database.prepare('SELECT count(*) AS chunks FROM larder_chunk')
    while ((count.get() as { chunks: number }).chunks === 0) await sleep(10)
  } finally {
    database.close()
  }
}
