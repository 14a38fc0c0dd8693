import { join } from 'node:path'
import { checkLayers } from './check.js'
import { readConfig } from './config.js'

const root = process.cwd()
const problems = checkLayers(root, readConfig(join(root, 'layers.json')))
for (const problem of problems) process.stdout.write(`${problem}\n`)
process.stdout.write(
  problems.length === 0 ? 'Every import points to a lower layer.\n' : `${problems.length} problems\n`,
)
if (problems.length > 0) process.exitCode = 1
