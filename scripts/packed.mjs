// The packages as users get them.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { foldersWith, root, runNode, runPnpm } from './workspace.mjs'

/**
 * Packs every published package into a folder below `destination`.
 * @param {string} destination
 * @param {{ isBuilt?: boolean }} [options] whether the sources are compiled already, so that only the bundles are made
 * @returns {readonly { name: string, tarball: string }[]}
 */
export function packAll(destination, { isBuilt = false } = {}) {
  return foldersWith('packages', 'package.json').map((folder) => {
    const { name } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    const target = join(destination, name.replace(/^.*\//, ''))
    mkdirSync(target)
    const quiet = { cwd: join(root, folder), stdio: ['ignore', 'ignore', 'inherit'] }
    const pack = ['pack', '--pack-destination', target]
    const isPacked = isBuilt
      ? runNode(join(root, 'scripts', 'prepack.mjs'), [], quiet) &&
        runPnpm([...pack, '--config.ignore-scripts=true'], quiet)
      : runPnpm(pack, quiet)
    if (!isPacked) throw new Error(`${name} was not packed`)
    const [file] = readdirSync(target)
    return { name, tarball: join(target, file) }
  })
}
