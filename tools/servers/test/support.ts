import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const PATIENCE_MS = 500

type Address = { readonly path: string } | { readonly host: string; readonly port: number }

/** Sends one request and resolves to what came until the end of a reply line, the end, or 500 ms. */
export function ask(address: Address, request: string): Promise<string> {
  // Nothing more of it: a server, say, has other properties that would be taken for options.
  const target = 'path' in address ? { path: address.path } : { host: address.host, port: address.port }
  return new Promise((resolve) => {
    let reply = ''
    const socket = connect(target)
    const finish = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(reply)
    }
    const timer = setTimeout(finish, PATIENCE_MS)
    socket.on('error', finish)
    socket.on('close', finish)
    socket.on('data', (chunk) => {
      reply += chunk.toString()
      if (/^(VERSION .*|.*\r\nEND|END)\r\n$/s.test(reply)) finish()
    })
    socket.write(request)
  })
}

/** Whether the process runs; one that ended and waits to be noticed by its parent does not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    if (process.platform !== 'linux') return true
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** Waits for something that another process does. */
export async function eventually(condition: () => boolean, withinMs = 10_000): Promise<boolean> {
  const deadline = Date.now() + withinMs
  while (!condition() && Date.now() < deadline) await sleep(20)
  return condition()
}
