// Installs, builds and runs the tests on clusters, which take minutes; with vitest's arguments, if any.
import { binary, install, runNode, scriptArguments } from './workspace.mjs'

const args = ['run', '--config', 'vitest.topologies.config.mjs', ...scriptArguments]
const ready = install() && runNode(binary('typescript', 'tsc'), ['-b'])
process.exitCode = ready && runNode(binary('vitest'), args) ? 0 : 1
