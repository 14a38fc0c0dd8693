// What the packages weigh once they are installed, and what it costs to load them: `pnpm --filter @larder/bench
// install-size`. Packs them and installs the tarballs with npm, which asks the registry for what they depend on.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { packAll } from '../../scripts/packed.mjs'
import { writePart } from '../lib/results.mjs'

const ROUNDS = Number(process.env.ROUNDS ?? 9)
/** What a program installs, with what that loads. The drivers of databases are the user's choice and not in it. */
const INSTALLS = {
  '@larder/storage-core': ['storage-core'],
  '@larder/memcached': ['storage-core', 'memcached'],
  '@larder/storage-memcache': ['storage-core', 'memcached', 'storage-memcache'],
  '@larder/storage-sql': ['storage-core', 'storage-sql'],
}
/** For comparison. */
const OTHERS = ['memjs', 'typeorm']

const folder = mkdtempSync(join(tmpdir(), 'larder-install-'))

function install(name, what) {
  const project = join(folder, `with-${basename(name)}`)
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }')
  const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', ...what]
  execFileSync('npm', args, { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] })
  const modules = join(project, 'node_modules')
  const files = readdirSync(modules, { recursive: true, encoding: 'utf8' }).map((file) => join(modules, file))
  const bytes = files.reduce((sum, file) => {
    const stats = statSync(file, { throwIfNoEntry: false })
    return sum + (stats?.isFile() ? stats.size : 0)
  }, 0)
  const { packages } = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'))
  return { name, project, bytes, packages: Object.keys(packages).length, cpu: [] }
}

/** The CPU that a process has used when it has loaded the module, in milliseconds. */
function load(project, name) {
  const program = `${name === undefined ? '' : `await import('${name}');`} console.log(JSON.stringify(process.cpuUsage()))`
  const args = ['--input-type=module', '--eval', program]
  const { user, system } = JSON.parse(
    execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8' }),
  )
  return (user + system) / 1000
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}

try {
  const tarballs = new Map(packAll(folder).map(({ name, tarball }) => [basename(name), tarball]))
  const installed = [
    ...Object.entries(INSTALLS).map(([name, parts]) =>
      install(
        name,
        parts.map((part) => tarballs.get(part)),
      ),
    ),
    ...OTHERS.map((name) => install(name, [name])),
  ]
  const bare = []
  for (let round = 0; round < ROUNDS; round++) {
    bare.push(load(folder))
    for (const { cpu, project, name } of installed) cpu.push(load(project, name))
  }
  const rows = installed.map(({ name, bytes, packages, cpu }) => [
    name,
    `${(bytes / 1e6).toFixed(1)} MB`,
    String(packages),
    `${Math.max(0, median(cpu) - median(bare)).toFixed(0)} ms`,
  ])
  writePart('install', {
    title: 'Size and start-up',
    text: `What npm installs for each package, drivers of databases left out, and the CPU that it takes to load it: the median of ${ROUNDS} processes, less that of an empty one (${median(bare).toFixed(0)} ms).`,
    command: 'pnpm --filter @larder/bench install-size',
    tables: [{ title: 'Installed alone', head: ['package', 'size', 'packages', 'to load'], rows }],
  })
  for (const row of rows) console.log(row.join('\t'))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
