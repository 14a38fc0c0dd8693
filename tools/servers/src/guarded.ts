import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { accessSync, chownSync, constants, mkdtempSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { User } from './user.js'

export type GuardMessage =
  | { readonly watch: number; readonly endWith: NodeJS.Signals }
  | { readonly release: number }
  | { readonly folder: string }
  | { readonly removed: string }

let guard: ChildProcess | undefined

function tell(message: GuardMessage): void {
  guard ??= startGuard()
  guard.stdin?.write(JSON.stringify(message) + '\n')
}

function startGuard(): ChildProcess {
  const script = fileURLToPath(new URL('./guard.js', import.meta.url))
  const { NODE_OPTIONS: _, ...env } = process.env
  // A process group of its own: what ends our process group, a terminal's Ctrl-C say, must not end the guard first.
  const child = spawn(process.execPath, [script], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env,
  })
  child.unref()
  child.on('error', () => undefined)
  child.stdin.on('error', () => undefined)
  ;(child.stdin as unknown as { unref(): void }).unref()
  return child
}

/** Spawns a process that ends with this one, even when this one is killed. It does not keep this one alive. */
export function spawnGuarded(
  command: string,
  args: readonly string[],
  options: SpawnOptions & { readonly endWith: NodeJS.Signals },
): ChildProcess {
  const { endWith, ...rest } = options
  const child = spawn(command, args, { ...rest, detached: true })
  const { pid } = child
  if (pid !== undefined) {
    tell({ watch: pid, endWith })
    child.once('exit', () => tell({ release: pid }))
  }
  child.unref()
  return child
}

function canBeEnteredByAll(folder: string): boolean {
  if ((statSync(folder).mode & 0o001) === 0) return false
  const parent = dirname(folder)
  return parent === folder || canBeEnteredByAll(parent)
}

function temporaryRoot(user: User | undefined): string {
  const candidates = [tmpdir(), '/tmp', '/var/tmp']
  const found = user && candidates.find((folder) => canBeEnteredByAll(folder))
  const root = found ?? tmpdir()
  accessSync(root, constants.W_OK)
  return root
}

/** A new folder that belongs to the user, and that goes when this process ends. */
export function makeFolder(user: User | undefined): string {
  const folder = mkdtempSync(join(temporaryRoot(user), 'larder-'))
  tell({ folder })
  if (user) chownSync(folder, user.uid, user.gid)
  return folder
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  tell({ removed: folder })
}
