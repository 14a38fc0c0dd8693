// Installs, builds and runs the main example, with the arguments given.
import { join } from 'node:path'
import { binary, install, root, runNode, scriptArguments } from './workspace.mjs'

const EXAMPLE = 'examples/content-repository'

const ready = install() && runNode(binary('typescript', 'tsc'), ['-b', EXAMPLE])
// From the folder where the command was given, so that a path among the arguments means what it says there.
const cwd = process.env.INIT_CWD ?? process.cwd()
const main = join(root, EXAMPLE, 'dist', 'main.js')
if (!ready || !runNode(main, scriptArguments, { cwd, stdio: 'inherit' })) process.exitCode = 1
