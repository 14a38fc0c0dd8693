import {
  bytesText,
  chooseCache,
  Client,
  countText,
  nameText,
  openDatabase,
  runProgram,
  timeText,
} from '@larder/example-environment'
import { HELP, parseCommand } from './command-line.js'
import { checkFolder, collectionOf, findFiles, reasonToSkip } from './files.js'
import { Meter } from './meter.js'
import { editFile, readFiles, removeFile, type Shelf, storeFiles } from './steps.js'

/** How many of the files that were skipped are named. */
const NAMED = 5
/** Steps stand in a column of their own. */
const STEP_WIDTH = 15

await runProgram(async ({ args, env, signal, print }) => {
  const command = parseCommand(args, env)
  if (command.help) return print(HELP)
  const say = (step: string, text: string): void => print(step.padEnd(STEP_WIDTH) + text)
  const folder = await checkFolder(command.folder)
  await using database = await openDatabase({ ...command, fileName: 'repository.sqlite' }, env, signal)
  await using cache = await chooseCache(env)
  say('folder', `${folder} (its files are only read)`)
  say('database', database.description)
  say('cache', cache.description)
  for (const complaint of cache.complaints) say('', `${complaint}; the database is asked in its place`)

  // Each has connections of its own, as a process of its own would have them. The importer leaves it to those who read
  // to fill the cache.
  await using importer = await Client.open(database, cache, { maxCachedBytes: 0 })
  await using one = await Client.open(database, cache)
  await using other = await Client.open(database, cache)
  const shelf = ({ storage }: Client): Shelf => ({ storage, collection: collectionOf(folder), signal })
  const [first, second] = [shelf(one), shelf(other)]
  const meter = new Meter([importer.storage, one.storage, other.storage])

  const { files: found, skipped } = await findFiles(folder, database.file)
  const store = () =>
    storeFiles(
      shelf(importer),
      found,
      ({ name, digest }) => {
        if (command.verbose) say('stored', `${nameText(name)} sha-256:${digest}`)
      },
      ({ name }, error) => {
        const reason = reasonToSkip(error)
        if (reason === undefined) throw error
        skipped.push({ name, reason })
      },
    )
  const files = await meter.measure('import', store, ({ length }) => length)
  const size = files.reduce((sum, file) => sum + file.size, 0)
  const omitted = skipped.length > 0 ? `; ${countText(skipped.length)} skipped` : ''
  say('import', `${countText(files.length)} files stored, ${bytesText(size)}${omitted}`)
  for (const { name, reason } of skipped.slice(0, NAMED)) say('', `skipped ${nameText(name)}: ${reason}`)
  if (skipped.length > NAMED) say('', `and ${countText(skipped.length - NAMED)} more`)
  if (files.length === 0) return say('', 'Without files, there is nothing more to show')

  const parts = 2 * files.length
  for (const step of ['cold read', 'warm read']) {
    const bytes = await meter.measure(
      step,
      () => readFiles(first, files),
      () => parts,
    )
    say(step, `${countText(files.length)} files, ${bytesText(bytes)}, every digest right`)
    say('', `${countText(meter.databaseReads)} of their ${countText(parts)} parts came from the database`)
  }
  for (const step of ['listing', 'listing again']) {
    const names = await meter.measure(
      step,
      () => first.storage.ls(first.collection, { signal }),
      () => 1,
    )
    const [sample = ''] = names.keys()
    say(step, `${countText(names.size)} resources; the first one is ${nameText(sample)}`)
  }
  const isText = ({ name }: { readonly name: string }): boolean => /\.(md|txt)$/.test(name)
  const edited = files.find(isText)?.name ?? files[0]?.name ?? ''
  const edit = await meter.measure(
    'edit',
    () => editFile(first, second, edited),
    () => 4,
  )
  say('edit', `${nameText(edited)}, as stored: the second client wrote version ${edit.after}`)
  say('', `${timeText(edit.ms)} later the first one had read version ${edit.after}`)
  say('', `a write based on version ${edit.before}: refused (${edit.refusal})`)
  const removed = files.at(-1)?.name ?? ''
  const left = await meter.measure(
    'removal',
    () => removeFile(first, second, removed),
    () => 3,
  )
  say('removal', `${nameText(removed)}, as stored: the second client removed it`)
  say('', `gone for the first one; listed are ${countText(left)} resources`)

  print(`\n${meter.table()}`)
  const errors = meter.cacheErrors()
  if (errors > 0) print(`\nThe cache did not answer ${countText(errors)} times; reads went to the database.`)
})
