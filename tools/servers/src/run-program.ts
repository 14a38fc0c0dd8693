import { spawn } from 'node:child_process'
import type { User } from './user.js'

/** Runs a program to its end as the user; rejects with what it printed unless it ends well. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly user: User | undefined },
): Promise<void> {
  const { cwd, user } = options
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(user && { uid: user.uid, gid: user.gid }),
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${command} ended with ${code}:\n${output}`))
    })
  })
}
