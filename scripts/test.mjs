// Everything that must hold before a change is merged, from a clean clone on. The last line counts the tests,
// and a failure for each step that failed. With arguments: install, build, and vitest with these arguments.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { binary, install, root, runNode, scriptArguments } from './workspace.mjs'

const script = (name) => join(root, 'scripts', name)
const isPartial = scriptArguments.length > 0
const failures = []
let passed = 0
let failed = 0

function tell(name, start, ok) {
  if (!ok) failures.push(name)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`== ${name}: ${ok ? 'passed' : 'FAILED'} in ${seconds} s`)
}

function step(name, work) {
  console.log(`\n== ${name}`)
  const start = performance.now()
  let ok = false
  try {
    ok = work()
  } catch (error) {
    console.error(error)
  }
  tell(name, start, ok)
  return ok
}

/** A step beside others: its output comes when it has ended. */
function stepBeside([name, file, ...args]) {
  const start = performance.now()
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.on('error', (error) => (output += `${error.message}\n`))
    child.on('close', (code) => {
      console.log(`\n== ${name}`)
      process.stdout.write(output)
      tell(name, start, code === 0)
      resolve()
    })
  })
}

function readReport(file) {
  const report = JSON.parse(readFileSync(file, 'utf8'))
  const results = report.testResults.flatMap((suite) => suite.assertionResults)
  passed = report.numPassedTests
  failed = report.numFailedTests
  return results.filter(({ status }) => status !== 'passed' && status !== 'failed')
}

function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'larder-report-'))
  const file = join(folder, 'report.json')
  try {
    const args = [
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...scriptArguments,
    ]
    const ok = runNode(binary('vitest'), args)
    const skipped = readReport(file)
    if (passed + failed === 0) console.error('No test ran.')
    if (isPartial) return passed + failed > 0 && (ok || failed > 0)
    for (const { fullName } of skipped) console.error(`Not run: ${fullName}`)
    // Failed tests count for themselves; what fails beside them counts as this step.
    return passed + failed > 0 && skipped.length === 0 && (ok || failed > 0)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (step('Install', install)) {
  step('Build', () => runNode(binary('typescript', 'tsc'), ['-b']))
  const checks = [
    ['Types of the tests', script('typecheck.mjs')],
    ['Import layers', 'tools/layers/dist/main.js'],
    ['Lint', binary('eslint'), '.', '--max-warnings=0'],
    ['Format', binary('prettier'), '--check', '--log-level=warn', '.'],
    ['Options page', script('options.mjs'), '--check'],
    ['Packed packages', script('check-packages.mjs')],
  ]
  if (!isPartial) await Promise.all(checks.map(stepBeside))
  step('Tests', runTests)
}
if (failures.length > 0) console.log(`\nFailed: ${failures.join(', ')}`)
if (failures.length + failed > 0) process.exitCode = 1
console.log(`\n${passed} passed, ${failed + failures.length} failed`)
