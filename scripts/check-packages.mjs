// Packs the published packages and checks what a user would get: files, exports, types.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { binary, foldersWith, root, runNode, runPnpm } from './workspace.mjs'

function check(folder) {
  const destination = mkdtempSync(join(tmpdir(), 'larder-pack-'))
  try {
    const quiet = { cwd: join(root, folder), stdio: ['ignore', 'ignore', 'inherit'] }
    if (!runPnpm(['pack', '--pack-destination', destination], quiet)) return false
    const tarball = join(destination, readdirSync(destination)[0])
    // The packages are ES modules only: how they look to an old resolver does not count.
    const types = ['--profile', 'esm-only', '--format', 'ascii', '--no-emoji', '--no-color', tarball]
    const results = [
      runNode(binary('publint'), ['run', tarball, '--strict']),
      runNode(binary('@arethetypeswrong/cli', 'attw'), types),
    ]
    return !results.includes(false)
  } finally {
    rmSync(destination, { recursive: true, force: true })
  }
}

const results = foldersWith('packages', 'package.json').map(check)
if (results.length === 0 || results.includes(false)) process.exitCode = 1
