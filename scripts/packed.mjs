// The packages as users get them.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { foldersWith, root, runPnpm } from './workspace.mjs'

/**
 * Packs every published package into a folder below `destination`.
 * @param {string} destination
 * @returns {readonly { name: string, tarball: string }[]}
 */
export function packAll(destination) {
  return foldersWith('packages', 'package.json').map((folder) => {
    const { name } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    const target = join(destination, name.replace(/^.*\//, ''))
    mkdirSync(target)
    const quiet = { cwd: join(root, folder), stdio: ['ignore', 'ignore', 'inherit'] }
    if (!runPnpm(['pack', '--pack-destination', target], quiet)) throw new Error(`${name} was not packed`)
    const [file] = readdirSync(target)
    return { name, tarball: join(target, file) }
  })
}
