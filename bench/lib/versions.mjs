import { existsSync, readFileSync } from 'node:fs'

/** Of a package as it is installed here; not every package tells by its exports. */
export function packageVersion(name) {
  const url = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  return existsSync(url) ? JSON.parse(readFileSync(url, 'utf8')).version : '?'
}
