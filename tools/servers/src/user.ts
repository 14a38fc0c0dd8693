import { execFileSync } from 'node:child_process'

export interface User {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

function idOf(name: string, flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
}

/**
 * The first of these users that exists, when this process is root: database servers refuse to run as root.
 * Undefined for any other user, who runs the servers as himself.
 */
export function unprivilegedUser(...names: readonly string[]): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const name of [...names, 'nobody']) {
    try {
      return { name, uid: idOf(name, '-u'), gid: idOf(name, '-g') }
    } catch {
      // No such user: the next one.
    }
  }
  throw new Error('This process is root and there is no user "nobody" to run the servers as')
}
