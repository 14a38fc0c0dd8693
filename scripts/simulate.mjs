// Installs, builds and runs the large search of the simulation, with the arguments given.
import { join } from 'node:path'
import { binary, install, root, runNode, scriptArguments } from './workspace.mjs'

const SIMULATION = 'packages/storage-memcache/test/simulation'

const main = join(root, SIMULATION, 'dist', 'simulation', 'main.js')
const ready = install() && runNode(binary('typescript', 'tsc'), ['-b', SIMULATION])
process.exitCode = ready && runNode(main, scriptArguments) ? 0 : 1
