import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const hasProc = process.platform === 'linux'

/** State and parent from /proc; undefined when there is no such process (any more). */
function readStat(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command in brackets, which may itself hold brackets and spaces.
    const [state = '', parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state, parent: Number(parent) }
  } catch {
    return undefined
  }
}

function parentsFromProc(): [pid: number, parent: number][] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  return pids.map((pid) => [Number(pid), readStat(Number(pid))?.parent ?? 0])
}

function parentsFromPs(): [pid: number, parent: number][] {
  const lines = execFileSync('ps', ['-axo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  return lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number])
}

/** The process and all that descend from it, parents before children. */
export function processTree(root: number): number[] {
  const pairs = hasProc ? parentsFromProc() : parentsFromPs()
  const tree = [root]
  for (const pid of tree) {
    for (const [child, parent] of pairs) if (parent === pid) tree.push(child)
  }
  return tree
}

/** Sends a signal, 0 only asks; false when there is no such process. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name)
    return true
  } catch {
    return false
  }
}

/** Signals a whole tree. PostgreSQL's workers leave its process group. */
export function signalTree(root: number, name: NodeJS.Signals): number[] {
  const tree = processTree(root)
  for (const pid of tree) signal(pid, name)
  return tree
}

/** Whether it still runs. A zombie, which nobody has waited for, does not. */
export function isAlive(pid: number): boolean {
  if (hasProc) return !['Z', 'X', undefined].includes(readStat(pid)?.state)
  return signal(pid, 0)
}
