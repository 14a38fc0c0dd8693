// Imports in a process of its own: NAME and, as JSON, `{ url, servers }`. Each round goes to a collection of its own.
import { join } from 'node:path'
import { serve } from '../lib/rounds.mjs'
import { openCached, openSql } from './contenders.mjs'
import { importFiles } from './import.mjs'

const [, , name, target] = process.argv
const { url, servers } = JSON.parse(target)
const sql = await openSql(url)
const storage = name === 'SqlStorage' ? sql : openCached(servers, sql)
let round = 0

serve(({ folder, files }) => {
  const paths = Array.from({ length: files }, (_, i) => join(folder, String(i)))
  return async () => {
    await importFiles(storage, paths, `import-${name}-${round++}`)
    return files
  }
})
