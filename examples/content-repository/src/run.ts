import { chooseCache, Client, openDatabase } from '@larder/example-environment'
import type { Command } from './command-line.js'
import type { FileEntry } from './file-entry.js'
import { checkFolder, filesOf } from './folder.js'
import { collectionOf, importStep } from './import-step.js'
import { Meter } from './meter.js'
import { readBack } from './read-back.js'
import { reportOf } from './report.js'
import { pickForEdit, showEdit, showListing, showRemoval, type Stage } from './show.js'
import type { Surroundings } from './surroundings.js'
import { bytesText, countText } from './text.js'

/** The main job: stores the files of a folder, then shows what reading and writing them is like. */
export async function run(command: Command, surroundings: Surroundings): Promise<void> {
  const { env, output, signal, say } = surroundings
  const folder = await checkFolder(command.folder)
  await using database = await openDatabase({ ...command, fileName: 'repository.sqlite' }, env, signal)
  await using cache = await chooseCache(env)
  say('folder', `${folder} (its files are only read)`)
  say('database', database.description)
  say('cache', cache.description)
  for (const complaint of cache.complaints) say('', `${complaint}; the database is asked in its place`)

  const collection = collectionOf(folder)
  const findings = await filesOf(folder, command.folder, database.file)
  const meter = new Meter()
  // Nobody has asked for these files yet: the import tells the cache what has changed, and leaves the filling of it
  // to those who read.
  await using importer = await Client.open(database, cache, { maxCachedBytes: 0 })
  const files = await meter.measure('import', [importer.storage], () =>
    importStep(importer, collection, findings, surroundings, command.verbose),
  )
  if (files.length === 0) return say('', 'Without files, there is nothing more to show')

  await using one = await Client.open(database, cache)
  await using other = await Client.open(database, cache)
  await show({ collection, first: one.storage, second: other.storage, signal, say }, files, meter)
  output.write(`\n${reportOf(meter.rows)}\n`)
  const errors = [importer, one, other].reduce((sum, { storage }) => sum + storage.counters().cacheErrors, 0)
  if (errors > 0) output.write(`\nThe cache did not answer ${countText(errors)} times; it went on without.\n`)
}

async function show(stage: Stage, files: readonly FileEntry[], meter: Meter): Promise<void> {
  const { first, second, collection, signal, say } = stage
  for (const step of ['cold read', 'warm read']) {
    const bytes = await meter.measure(step, [first], () => readBack(first, collection, files, signal))
    const { databaseReads = 0, operations = 0 } = meter.rows.at(-1) ?? {}
    say(step, `${countText(files.length)} files, ${bytesText(bytes)}, every digest right`)
    // A content and an entry for each file, many of them in one query.
    say('', `${countText(databaseReads)} of their ${countText(operations)} parts came from the database`)
  }
  for (const step of ['listing', 'listing again'])
    await meter.measure(step, [first], () => showListing(stage, step))
  const edited = pickForEdit(files)
  if (edited !== undefined) await meter.measure('edit', [first, second], () => showEdit(stage, edited))
  const removed = files.at(-1)
  if (removed !== undefined)
    await meter.measure('removal', [first, second], () => showRemoval(stage, removed))
}
