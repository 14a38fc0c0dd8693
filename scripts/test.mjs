// Everything that must hold before a change is merged, from a clean clone on. The last line counts the tests,
// and a failure for each step that failed. With arguments: install, build, and vitest with these arguments.
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

function step(name, work) {
  console.log(`\n== ${name}`)
  const start = performance.now()
  let ok = false
  try {
    ok = work()
  } catch (error) {
    console.error(error)
  }
  if (!ok) failures.push(name)
  console.log(
    `== ${name}: ${ok ? 'passed' : 'FAILED'} in ${((performance.now() - start) / 1000).toFixed(1)} s`,
  )
  return ok
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

const checks = [
  ['Types of the tests', () => runNode(script('typecheck.mjs'), [])],
  ['Import floors', () => runNode('tools/floors/dist/main.js', [])],
  ['Lint', () => runNode(binary('eslint'), ['.', '--max-warnings=0'])],
  ['Format', () => runNode(binary('prettier'), ['--check', '--log-level=warn', '.'])],
  ['Packed packages', () => runNode(script('check-packages.mjs'), [])],
]

if (step('Install', install)) {
  step('Build', () => runNode(binary('typescript', 'tsc'), ['-b']))
  if (!isPartial) for (const [name, work] of checks) step(name, work)
  step('Tests', runTests)
}
if (failures.length > 0) console.log(`\nFailed: ${failures.join(', ')}`)
if (failures.length + failed > 0) process.exitCode = 1
console.log(`\n${passed} passed, ${failed + failures.length} failed`)
