// What has to hold before a release, beside `pnpm test`: the packed packages in projects of strangers, on every
// version of Node, and dependencies that nobody warns of. Asks the registry. `pnpm release:check`
import { nodeOf } from '@larder/dev-servers'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packAll } from './packed.mjs'
import { binary, pnpm, root, runNode } from './workspace.mjs'

const VERSIONS = [20, 22, 24]
const OWN = ['@types/node', 'better-sqlite3']
const PROJECTS = {
  esm: [],
  commonjs: [],
  nest: ['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs'],
}
// Its drivers are dependencies: it is no library, and has a project of its own.
const COMMAND = '@larder/cli'
// Deprecated, and brought by better-sqlite3 12 to install itself. 13 does without, but wants Node 22, and TypeORM 12.
const KNOWN_DEPRECATED = ['prebuild-install']
const problems = []
const folder = mkdtempSync(join(tmpdir(), 'larder-release-'))

function report(what, ok, details = '') {
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${what}`)
  if (!ok) problems.push(what)
  if (!ok && details) console.log(details)
}

function run(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  return { ok: status === 0, stdout, output: `${stdout}${stderr}` }
}

function isKnown(text) {
  return KNOWN_DEPRECATED.some((name) => text.includes(`${name}@`))
}

/** Of the workspace: what is native is built there, and the compiler is the same for all. */
function link(project, name) {
  const target = join(project, 'node_modules', name)
  rmSync(target, { recursive: true, force: true })
  mkdirSync(join(target, '..'), { recursive: true })
  symlinkSync(realpathSync(join(root, 'node_modules', name)), target)
}

function installInto(name, project, dependencies) {
  const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', ...dependencies]
  const installed = run('npm', args, project)
  report(`${name}: installs`, installed.ok, installed.output)
  const warnings = installed.output
    .split('\n')
    .filter((line) => /\bdeprecated\b|ERESOLVE/.test(line) && !isKnown(line))
  report(`${name}: brings nothing that is deprecated`, warnings.length === 0, warnings.join('\n'))
  for (const own of OWN) link(project, own)
}

async function checkProject(name, dependencies) {
  const project = join(folder, name)
  cpSync(join(root, 'test', 'release', 'fixtures', name), project, { recursive: true })
  installInto(name, project, dependencies)
  const compiled = run(process.execPath, [binary('typescript', 'tsc'), '-p', project], project)
  report(`${name}: compiles`, compiled.ok, compiled.output)
  for (const version of VERSIONS) {
    const isThis = Number.parseInt(process.versions.node) === version
    // The workspace's SQLite is built for this Node.
    const args = isThis ? ['out/main.js', `sqlite:${join(project, 'notes.sqlite')}`] : ['out/main.js']
    const { ok, stdout, output } = run(await nodeOf(version), args, project)
    report(`${name}: runs on Node ${version}`, ok && stdout.startsWith('hello '), output)
  }
}

/** Declarations of sources that were removed since would be published. */
function leftOvers({ tarball }) {
  const files = run('tar', ['tzf', tarball], root).stdout.split('\n')
  const built = files.filter((file) => /^package\/dist\/.*\.d\.ts$/.test(file))
  return built.filter((file) => !files.includes(file.replace('/dist/', '/src/').replace(/d\.ts$/, 'ts')))
}

function checkCommand(tarballs) {
  const project = join(folder, 'command')
  mkdirSync(project)
  installInto('command', project, tarballs)
  const database = `sqlite:${join(project, 'notes.sqlite')}`
  const larder = (...args) =>
    run(
      join(project, 'node_modules', '.bin', 'larder'),
      ['--database', database, '--no-cache', ...args],
      project,
    )
  const steps = [
    larder('migrate'),
    larder('put', 'notes', 'one', join(root, 'LICENSE')),
    larder('ls', 'notes'),
  ]
  const ok = steps.every((step) => step.ok) && steps[2].stdout === 'one\n'
  report('command: runs', ok, steps.map(({ output }) => output).join(''))
}

try {
  report('packages: publint, types, licences', runNode('scripts/check-packages.mjs', []))
  const packed = packAll(folder)
  const old = packed.flatMap(leftOvers)
  report('packages: nothing is left of older builds', old.length === 0, old.join('\n'))
  const libraries = packed.filter(({ name }) => name !== COMMAND).map(({ tarball }) => tarball)
  for (const [name, others] of Object.entries(PROJECTS)) await checkProject(name, [...libraries, ...others])
  checkCommand(packed.map(({ tarball }) => tarball))

  const [command, ...first] = pnpm
  const changes = run(process.execPath, [binary('@changesets/cli', 'changeset'), 'status'], root)
  report('changesets: every changed package has one', changes.ok, changes.output)
  const lockfile = readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8')
  const deprecated = lockfile
    .split('\n\n')
    .filter((entry) => /^ +deprecated:/m.test(entry) && !isKnown(entry))
  report('dependencies: none is deprecated', deprecated.length === 0, deprecated.join('\n\n'))
  const audit = run(command, [...first, 'audit'], root)
  const isAnswered = !/responded with \d/.test(audit.output)
  report(
    isAnswered
      ? 'dependencies: none is known to be vulnerable'
      : 'dependencies: an audit; this registry makes none, NPM_CONFIG_REGISTRY names another',
    audit.ok,
    audit.output,
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(problems.length === 0 ? '\nReady' : `\nNot ready: ${problems.length} of the above`)
process.exitCode = problems.length === 0 ? 0 : 1
