// Checks the types of everything: the packages, which builds them, and the tests, which builds nothing.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { binary, foldersWith, root, runNode } from './workspace.mjs'

const tests = ['packages', 'examples', 'apps', 'tools'].flatMap((parent) =>
  foldersWith(parent, 'test/tsconfig.json'),
)
const alone = ['.', 'bench'].filter((folder) => existsSync(join(root, folder, 'test/tsconfig.json')))
const projects = [...tests, ...alone].map((folder) => `${folder}/test`)
if (!runNode(binary('typescript', 'tsc'), ['-b', '.', ...projects])) process.exitCode = 1
