// Installs, builds and plays the races of shared caches, library by library.
import { binary, install, runNode } from './workspace.mjs'

const ready = install() && runNode(binary('typescript', 'tsc'), ['-b'])
process.exitCode = ready && runNode('bench/races/run.mjs', []) ? 0 : 1
