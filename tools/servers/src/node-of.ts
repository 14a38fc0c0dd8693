import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * The program of another version of Node, for what has to work on all of them: the one that runs this where it is of
 * that version, else that of the registry's package `node`, which npm keeps. Rejects where none can be had.
 */
export async function nodeOf(major: number): Promise<string> {
  if (Number.parseInt(process.versions.node, 10) === major) return process.execPath
  const args = ['exec', '--yes', `--package=node@${major}`, '--', 'node', '-p', 'process.execPath']
  const { stdout } = await promisify(execFile)('npm', args)
  return stdout.trim()
}
