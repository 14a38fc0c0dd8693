import { join } from 'node:path'
import { checkFloors } from './check.js'
import { readConfig } from './config.js'

const root = process.cwd()
const problems = checkFloors(root, readConfig(join(root, 'floors.json')))
for (const problem of problems) process.stdout.write(`${problem}\n`)
process.stdout.write(
  problems.length === 0 ? 'Every import stays on its floors.\n' : `${problems.length} problems\n`,
)
if (problems.length > 0) process.exitCode = 1
