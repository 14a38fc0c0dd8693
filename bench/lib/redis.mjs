import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A redis-server on a free port of this machine. Undefined: none is installed. */
export async function startRedis() {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'larder-redis-'))
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder]
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const isInstalled = await new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.stdout.on('data', (text) => text.includes('Ready to accept connections') && resolve(true))
  })
  const remove = () => rmSync(folder, { recursive: true, force: true })
  if (!isInstalled) return remove()
  const end = () => server.kill('SIGKILL')
  process.once('exit', end)
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      end()
      await once(server, 'exit')
      remove()
    },
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
