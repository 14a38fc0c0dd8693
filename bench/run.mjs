// All comparisons, one after another, and a report of them: `npx pnpm@12 bench`, a few minutes; with `--full`, less than
// half an hour. For what it writes and how to run a part see bench/README.md.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadWarning } from './lib/load.mjs'
import { machine } from './lib/results.mjs'
import { PARTS } from './parts.mjs'
import { html } from './report/html.mjs'
import { partOf } from './report/part-of.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    only: { type: 'string' },
    out: { type: 'string' },
    'report-only': { type: 'boolean', default: false },
  },
})
const kind = values.full ? 'full' : 'quick'
const folder = values.out ?? here(values.full ? 'results' : 'out')
const names = values.only?.split(',') ?? Object.keys(PARTS)
const unknown = names.filter((name) => PARTS[name] === undefined)
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}. There are: ${Object.keys(PARTS).join(', ')}`)
  process.exit(2)
}

async function run(name) {
  const { script, args = [], quick, full } = PARTS[name]
  const { env = {}, args: more = [] } = values.full ? full : quick
  const nodeArgs = ['--expose-gc', here(script), ...args, ...more]
  const start = performance.now()
  const child = spawn(process.execPath, nodeArgs, {
    cwd: here('.'),
    env: { ...process.env, BENCH_RESULTS: folder, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code, signal] = await once(child, 'exit')
  const seconds = Math.round((performance.now() - start) / 1000)
  console.log(`\n${name}: ${seconds} s${code === 0 ? '' : `, ended with ${code ?? signal}`}\n`)
  return { seconds, code }
}

mkdirSync(folder, { recursive: true })
const overload = loadWarning()
if (overload !== undefined) console.warn(overload)
const parts = []
const failed = []
for (const name of Object.keys(PARTS)) {
  const file = join(folder, `${name}.json`)
  const isAsked = names.includes(name) && !values['report-only']
  if (isAsked) rmSync(file, { force: true })
  const result = isAsked ? await run(name) : {}
  if (isAsked && result.code !== 0) failed.push(name)
  // A part that missed a target, or failed at its end, has written its file all the same.
  if (existsSync(file)) parts.push({ ...partOf(name, JSON.parse(readFileSync(file, 'utf8'))), ...result })
  else if (isAsked) console.error(`${name} has no results`)
}
const report = { kind, machine: machine(), parts }
writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, undefined, 1)}\n`)
writeFileSync(join(folder, 'report.html'), html(report))
console.log(`${join(folder, 'report.html')}\n${join(folder, 'report.json')}`)
if (failed.length > 0) console.error(`Failed: ${failed.join(', ')}`)
if (overload !== undefined) console.warn(overload)
process.exit(failed.length > 0 ? 1 : 0)
