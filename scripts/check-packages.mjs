// Packs the published packages and checks what a user would get: files, exports, types.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packAll } from './packed.mjs'
import { binary, runNode } from './workspace.mjs'

function check({ name, tarball }) {
  const { stdout } = spawnSync('tar', ['tzf', tarball], { encoding: 'utf8' })
  const files = stdout.split('\n')
  const missing = ['LICENSE', 'README.md'].filter((file) => !files.includes(`package/${file}`))
  for (const file of missing) console.error(`${name} has no ${file}`)
  // The packages are ES modules only: how they look to an old resolver does not count.
  const types = ['--profile', 'esm-only', '--format', 'ascii', '--no-emoji', '--no-color', tarball]
  const results = [
    missing.length === 0,
    runNode(binary('publint'), ['run', tarball, '--strict']),
    runNode(binary('@arethetypeswrong/cli', 'attw'), types),
  ]
  return !results.includes(false)
}

const destination = mkdtempSync(join(tmpdir(), 'larder-pack-'))
try {
  const results = packAll(destination).map(check)
  if (results.length === 0 || results.includes(false)) process.exitCode = 1
} finally {
  rmSync(destination, { recursive: true, force: true })
}
