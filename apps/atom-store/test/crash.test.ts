import { servers } from '@larder/dev-servers/vitest'
import Database from 'better-sqlite3'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { titlesOf } from './support/documents.js'
import { startProgram } from './support/program.js'

// Each starts processes, which takes its time on a machine that is busy.
vi.setConfig({ testTimeout: 300_000 })

const PIECE = Buffer.alloc(1024 * 1024, 'larder')
const WORKSPACES = [
  { title: 'W', collections: [{ name: 'pictures', title: 'Pictures', accept: ['image/*'] }] },
]
const PNG = { 'Content-Type': 'image/png' }

/** Stops at each step of what has this step as its name, and never goes on. */
const HOOKS = `const stopAt = (step) => async ({ entry }) => {
  if (entry.title !== step) return
  console.log('at ' + step)
  await new Promise(() => {})
}
const steps = ['beforeCreate', 'afterCreate', 'beforeUpdate', 'afterUpdate', 'beforeDelete', 'afterDelete']
export default [Object.fromEntries(steps.map((step) => [step, stopAt(step)]))]`

test.concurrent.for([
  { signal: 'SIGTERM', steps: ['beforeCreate'] },
  // Of those in a transaction one at a time, since SQLite has one writer.
  { signal: 'SIGKILL', steps: ['beforeCreate', 'afterCreate'] },
  { signal: 'SIGKILL', steps: ['beforeUpdate', 'afterUpdate'] },
  { signal: 'SIGKILL', steps: ['beforeDelete', 'afterDelete'] },
] as const)(
  'a process that ends by $signal in the middle of a POST, and at $steps, leaves all as it was',
  async ({ signal, steps }, { onTestFinished }) => {
    const folder = await mkdtemp(join(tmpdir(), 'larder-atom-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    await writeFile(join(folder, 'hooks.mjs'), HOOKS)
    const config = join(folder, 'config.json')
    await writeFile(config, JSON.stringify({ workspaces: WORKSPACES, hooks: 'hooks.mjs' }))
    // With servers that all share, nobody has to wait for the claim of who was killed.
    const env = { MEMCACHE_SERVERS: servers.memcached.servers }
    const start = () =>
      startProgram(['--data', folder, '--config', config, '--no-seed'], { env, onFinished: onTestFinished })
    const program = await start()
    const [url = ''] = program.urls
    const isNew = steps[0] === 'beforeCreate'
    // They stop once they are edited.
    for (const step of isNew ? [] : steps) expect((await post(url, step)).status).toBe(201)

    const ended = [beginUpload(url)]
    await untilStored(join(folder, 'atom-store.sqlite'))
    for (const step of steps) {
      ended.push(act(url, step).then(String, String))
      await program.says(`at ${step}`)
    }
    await program.end(signal)
    await Promise.all(ended)

    const again = await start()
    const [address = ''] = again.urls
    const there = titlesOf(await (await fetch(`${address}/pictures`)).text())
    expect(there.toSorted()).toEqual(isNew ? [] : steps.toSorted())
    for (const step of isNew ? [] : steps)
      expect(await (await fetch(`${address}/pictures/${step.toLowerCase()}/media`)).text()).toBe('old')
    const created = await post(address, 'cut')
    expect(created.headers.get('location')).toBe(`${address}/pictures/cut`)
    expect(await (await fetch(`${address}/pictures/cut/media`)).text()).toBe('old')
  },
)

function post(url: string, slug: string): Promise<Response> {
  return fetch(`${url}/pictures`, { method: 'POST', headers: { ...PNG, Slug: slug }, body: 'old' })
}

/** What the hook of this step is called for. */
function act(url: string, step: string): Promise<unknown> {
  const media = `${url}/pictures/${step.toLowerCase()}/media`
  if (step.endsWith('Create')) return post(url, step)
  if (step.endsWith('Delete')) return fetch(media, { method: 'DELETE' })
  return fetch(media, { method: 'PUT', headers: PNG, body: 'new' })
}

/** Sends three quarters of it. Resolves once the connection has ended, however it did. */
function beginUpload(url: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const head = 'POST /pictures HTTP/1.1\r\nHost: x\r\nSlug: cut\r\nContent-Type: image/png\r\n'
  socket.write(`${head}Content-Length: ${PIECE.length * 4}\r\n\r\n`)
  for (let piece = 0; piece < 3; piece++) socket.write(PIECE)
  socket.resume()
  return new Promise((resolve) => {
    socket.on('error', () => undefined).once('close', () => resolve('closed'))
  })
}

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
