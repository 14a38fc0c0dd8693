// What a package is published as: a file for each entry point and few shared ones, which load in half the time of a file
// for each source.
import * as esbuild from 'esbuild'
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'

function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

/** The built files that a package names, and the bundles that it is published with. */
function entriesOf({ name, exports = {}, bin = {}, publishConfig }) {
  const built = [...Object.values(exports).map((entry) => entry.default), ...Object.values(bin)]
  const published = [
    ...Object.values(publishConfig.exports ?? {}).map((entry) => entry.default),
    ...Object.values(publishConfig.bin ?? {}),
  ]
  const expected = built.map((file) => file.replace('./dist/', './lib/'))
  if (expected.join() !== published.join())
    throw new Error(`publishConfig of ${name} names ${published}, and not ${expected}`)
  return built.map((file) => posix.relative('dist', file).replace(/\.js$/, ''))
}

/**
 * Bundles a built package. Its dependencies stay imports.
 * @param {string} folder of the package
 * @param {string} destination of the bundles
 */
export async function bundle(folder, destination) {
  const names = entriesOf(readManifest(folder))
  await esbuild.build({
    absWorkingDir: folder,
    entryPoints: Object.fromEntries(names.map((name) => [name, `dist/${name}.js`])),
    outdir: destination,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    // Stack traces lead to the sources, which are published too.
    sourcemap: true,
    sourcesContent: false,
    // Errors and entities are named by their classes.
    keepNames: true,
    // Beside the entry points, as the built files are: a path to package.json stays right.
    chunkNames: 'shared-[hash]',
    logLevel: 'warning',
  })
}

/**
 * Lays the packages below `target/node_modules` as an installation of the published ones would, with this repository's
 * installed dependencies.
 * @param {readonly string[]} folders of built packages
 * @param {string} target
 */
export async function installBundles(folders, target) {
  for (const folder of folders) {
    const { publishConfig, ...manifest } = readManifest(folder)
    const installed = join(target, 'node_modules', manifest.name)
    await bundle(folder, join(installed, 'lib'))
    writeFileSync(join(installed, 'package.json'), JSON.stringify({ ...manifest, ...publishConfig }))
    const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    for (const dependency of dependencies.filter((name) => existsSync(join(folder, 'node_modules', name)))) {
      if (dependency.startsWith('@larder/')) continue
      const link = join(installed, 'node_modules', dependency)
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(join(folder, 'node_modules', dependency), link)
    }
  }
}

/**
 * The folders of all published packages.
 * @param {string} root of the repository
 */
export function publishedFolders(root) {
  return readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name))
}
