// Installs, builds and runs the chaos, with the arguments given.
import { binary, install, runNode, scriptArguments } from './workspace.mjs'

const ready = install() && runNode(binary('typescript', 'tsc'), ['-b', 'tools/chaos'])
const ran = ready && runNode('tools/chaos/dist/main.js', scriptArguments)
if (!ran) process.exitCode = 1
