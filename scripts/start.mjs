// Installs, builds and runs the program in the folder named first, with the other arguments.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { binary, install, root, runNode, withoutDashes } from './workspace.mjs'

const [folder, ...given] = process.argv.slice(2)
const main = join(root, folder, 'dist', 'main.js')

/** Builds the program, and the packages that it uses. */
function build() {
  // The compiler says nothing, and takes its time when there is nothing yet.
  if (!existsSync(main)) console.log('\nBuilding, which takes some seconds the first time ...')
  return runNode(binary('typescript', 'tsc'), ['-b', folder])
}

/** Runs it to its end, also after Ctrl-C, which both processes get, and exits as it did. */
async function runProgram() {
  // From the folder where the command was given, so that a path among the arguments means what it says there.
  const cwd = process.env.INIT_CWD ?? process.cwd()
  const program = spawn(process.execPath, [main, ...withoutDashes(given)], { cwd, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // Ctrl-C reaches the program by itself; what is sent to this process alone is handed on.
    process.on(signal, () => signal !== 'SIGINT' && program.kill(signal))
  }
  return new Promise((resolve, reject) => {
    program.once('error', reject)
    program.once('exit', (code) => resolve(code ?? 1))
  })
}

const ready = install() && build()
process.exitCode = ready ? await runProgram() : 1
