/**
 * A small process that outlives the one which started it, by a moment: when its standard input closes, for
 * whatever reason, it ends the servers that are still registered and removes their folders.
 */
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GuardMessage } from './guarded.js'
import { isAlive, processTree, signal } from './process-tree.js'

const GRACE_MS = 3000

const servers = new Map<number, NodeJS.Signals>()
const folders = new Set<string>()

function handle(message: GuardMessage): void {
  if ('watch' in message) servers.set(message.watch, message.endWith)
  else if ('release' in message) servers.delete(message.release)
  else if ('folder' in message) folders.add(message.folder)
  else folders.delete(message.removed)
}

async function endServers(): Promise<void> {
  const all = [...servers.keys()].flatMap(processTree)
  for (const [pid, endWith] of servers) {
    signal(pid, endWith)
    signal(pid, 'SIGCONT')
  }
  const deadline = Date.now() + GRACE_MS
  while (Date.now() < deadline && all.some(isAlive)) await sleep(20)
  for (const pid of all) signal(pid, 'SIGKILL')
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined)
for await (const line of createInterface({ input: process.stdin })) handle(JSON.parse(line) as GuardMessage)
await endServers()
for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
