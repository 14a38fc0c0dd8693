// Measures the layout of the code: what a newcomer has to find, to load and to learn. Builds first.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { readSourceFiles } from '../tools/layers/dist/source-files.js'
import { installBundles, publishedFolders } from './bundle.mjs'
import { binary, root, runNode } from './workspace.mjs'

const LOADS = 15

/** @param {number[]} numbers */
function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}

/** @param {string} folder */
function filesBelow(folder, suffix = '.md') {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(suffix) && !/node_modules|dist\//.test(path))
    .map((path) => join(root, folder, path))
}

const packages = readdirSync(join(root, 'packages'))
const layers = JSON.parse(readFileSync(join(root, 'layers.json'), 'utf8'))

/** Files and lines of a package, and imports that reach into a folder past its index.ts. */
function layoutOf(name) {
  const source = join(root, 'packages', name, 'src')
  const files = readSourceFiles(source)
  const lines = files.map(({ path }) => readFileSync(join(source, path), 'utf8').split('\n').length)
  const folders = layers.packages[`packages/${name}`].layers.flat().filter((place) => place.endsWith('/'))
  const folderOf = (path) => folders.find((folder) => path.startsWith(folder))
  const inner = files.flatMap(({ path, imports }) =>
    imports.filter(({ file }) => {
      const folder = file === undefined ? undefined : folderOf(file)
      if (folder === undefined || folderOf(path) === folder || file === `${folder}index.ts`) return false
      return files.some((other) => other.path === `${folder}index.ts`)
    }),
  )
  return {
    name,
    files: files.length,
    lines: lines.reduce((a, b) => a + b, 0),
    median: median(lines),
    inner: inner.length,
  }
}

/** Milliseconds of processor time that loading a module adds to an empty program. */
function loadTimes(modules) {
  const time = (code) => {
    const script = `const before = process.cpuUsage(); ${code}; const { user, system } = process.cpuUsage(before); console.log((user + system) / 1000)`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    })
    return Number(stdout)
  }
  const times = new Map(modules.map((module) => [module, []]))
  for (let i = 0; i < LOADS; i++) {
    for (const [module, all] of times) all.push(time(`await import(${JSON.stringify(module)})`))
  }
  return [...times].map(([module, all]) => [module, median(all)])
}

/** Names at an entry point, and those among them that no page and no example uses. */
function namesAt(entry) {
  const program = ts.createProgram([join(root, entry)], { module: ts.ModuleKind.NodeNext })
  const checker = program.getTypeChecker()
  const file = program.getSourceFile(join(root, entry))
  const symbol = file && checker.getSymbolAtLocation(file)
  const names = symbol ? checker.getExportsOfModule(symbol).map(({ name }) => name) : []
  const texts = [
    ...filesBelow('docs'),
    ...filesBelow('packages'),
    join(root, 'README.md'),
    ...filesBelow('examples', '.ts'),
    ...filesBelow('apps', '.ts'),
  ].map((path) => readFileSync(path, 'utf8'))
  const words = new Set(texts.join('\n').match(/\w+/g))
  return { names: names.length, unused: names.filter((name) => !words.has(name)) }
}

/** Calls and files of this repository that run between `client.get` and the write to the socket. */
function callsOfGet() {
  const { stdout } = spawnSync(process.execPath, [join(root, 'scripts', 'calls-of-get.mjs')], {
    encoding: 'utf8',
  })
  return stdout.trim()
}

if (runNode(binary('typescript', 'tsc'), ['-b'])) {
  console.log('package           files   lines  median  imports past an index.ts')
  for (const { name, files, lines, median: middle, inner } of packages.map(layoutOf))
    console.log(
      `${name.padEnd(16)}${[files, lines, middle, inner].map((n) => String(n).padStart(8)).join('')}`,
    )
  const { names, unused } = namesAt('packages/storage-core/dist/index.d.ts')
  console.log(`\nnames at the main entry of storage-core: ${names}; in no page or example: ${unused.length}`)
  if (unused.length > 0) console.log(`  ${unused.join(' ')}`)
  console.log(`\nclient.get to the socket: ${callsOfGet()}`)
  const folder = mkdtempSync(join(tmpdir(), 'larder-house-'))
  await installBundles(publishedFolders(root), folder)
  console.log(`\nprocessor time to load what is published, median of ${LOADS}, in ms:`)
  const modules = packages.map((name) => join(folder, 'node_modules', '@larder', name, 'lib', 'index.js'))
  for (const [module, ms] of loadTimes([...modules, import.meta.resolve('memjs')]))
    console.log(
      `  ${module.replace(/^.*\/(?:@larder|node_modules)\//, '').padEnd(36)}${ms.toFixed(0).padStart(5)}`,
    )
  rmSync(folder, { recursive: true })
}
