// What the start and test scripts share. It runs before anything is installed: Node's own modules only.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Runs a program in the root folder and waits for it.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 * @returns {boolean} whether it ended well
 */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options })
  if (result.error) console.error(result.error.message)
  return result.status === 0
}

/** The pnpm that runs this script, else the one on the PATH, else one fetched for the occasion. */
function pnpmCommand() {
  const running = process.env.npm_execpath
  if (running && basename(running).startsWith('pnpm')) {
    return /\.[cm]?js$/.test(running) ? [process.execPath, running] : [running]
  }
  const onPath = spawnSync('pnpm', ['--version'], { cwd: root, encoding: 'utf8' })
  return Number.parseInt(onPath.stdout ?? '', 10) >= 12 ? ['pnpm'] : ['npx', '--yes', 'pnpm@12']
}

export const pnpm = pnpmCommand()

/**
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 */
export function runPnpm(args, options) {
  const [command, ...first] = pnpm
  return run(command, [...first, ...args], options)
}

// A native addon without a prebuilt binary is compiled against Node's headers. Where they were installed with
// Node there is no need to download them.
function buildEnvironment() {
  const prefix = dirname(dirname(process.execPath))
  const headers = join(prefix, 'include', 'node', 'node_version.h')
  if (process.env.npm_config_nodedir || !existsSync(headers)) return process.env
  const text = readFileSync(headers, 'utf8')
  const numbers = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => new RegExp(`NODE_${part}_VERSION (\\d+)`).exec(text)?.[1],
  )
  const isThisNode = numbers.join('.') === process.versions.node
  return isThisNode ? { ...process.env, npm_config_nodedir: prefix } : process.env
}

/** Installs what the lockfile says; quick when all is there. */
export function install() {
  const frozen = process.env.CI ? ['--frozen-lockfile'] : []
  // Modules of another version are removed without a prompt: the script may have no terminal.
  return runPnpm(['install', ...frozen, '--config.confirmModulesPurge=false'], { env: buildEnvironment() })
}

/**
 * The script behind a command of an installed package, to be run with this Node.
 * @param {string} packageName
 * @param {string} [command]
 */
export function binary(packageName, command = packageName) {
  const folder = join(root, 'node_modules', packageName)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return join(folder, typeof bin === 'string' ? bin : bin[command])
}

/**
 * @param {string} script
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 */
export function runNode(script, args, options) {
  return run(process.execPath, [script, ...args], options)
}

/**
 * The folders below `parent` that hold a file of this name, from the root folder.
 * @param {string} parent
 * @param {string} file
 */
export function foldersWith(parent, file) {
  if (!existsSync(join(root, parent))) return []
  const folders = readdirSync(join(root, parent)).map((name) => `${parent}/${name}`)
  return folders.filter((folder) => existsSync(join(root, folder, file)))
}

/**
 * Without the `--` that pnpm hands on.
 * @param {readonly string[]} args
 */
export function withoutDashes(args) {
  return args[0] === '--' ? args.slice(1) : args
}

/** What a script was given. */
export const scriptArguments = withoutDashes(process.argv.slice(2))
