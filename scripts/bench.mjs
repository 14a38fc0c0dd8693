// Installs, builds and runs all comparisons, with the arguments given: see bench/README.md.
import { binary, install, runNode, scriptArguments } from './workspace.mjs'

const ready = install() && runNode(binary('typescript', 'tsc'), ['-b'])
process.exitCode = ready && runNode('bench/run.mjs', scriptArguments) ? 0 : 1
