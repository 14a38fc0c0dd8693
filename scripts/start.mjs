// Installs, builds and runs the main example, with the arguments given.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { binary, install, root, runNode, scriptArguments } from './workspace.mjs'

const EXAMPLE = 'examples/content-repository'

const main = join(root, EXAMPLE, 'dist', 'main.js')

/** Builds the example, and the packages that it uses. */
function build() {
  // The compiler says nothing, and takes its time when there is nothing yet.
  if (!existsSync(main)) console.log('\nBuilding, which takes some seconds the first time ...')
  return runNode(binary('typescript', 'tsc'), ['-b', EXAMPLE])
}

/** Runs it to its end, whatever the terminal says to both of us, and ends as it did. */
async function runExample() {
  // From the folder where the command was given, so that a path among the arguments means what it says there.
  const cwd = process.env.INIT_CWD ?? process.cwd()
  const example = spawn(process.execPath, [main, ...scriptArguments], { cwd, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // Ctrl-C reaches the example by itself; what is sent to this process alone is handed on.
    process.on(signal, () => signal !== 'SIGINT' && example.kill(signal))
  }
  return new Promise((resolve, reject) => {
    example.once('error', reject)
    example.once('exit', (code) => resolve(code ?? 1))
  })
}

const ready = install() && build()
process.exitCode = ready ? await runExample() : 1
