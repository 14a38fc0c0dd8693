import type { ByteSource, PartName, PartPreconditions } from '@larder/storage-core'
import type { Command } from 'commander'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { UsageError } from '../exit-code.js'
import { nameText } from '../output.js'
import { partOption } from '../parts.js'

interface PutOptions {
  readonly part?: PartName
  readonly metadata?: string
  readonly ifMatch?: string
  readonly new?: boolean
}

export function addPut(program: Command, act: Act): void {
  program
    .command('put')
    .description('stores a part of a resource, out of a file or the input')
    .argument('<collection>')
    .argument('<name>')
    .argument('[file]', 'default: the input, as with -')
    .addOption(partOption('default: content'))
    .option('-m, --metadata <file>', 'stores this as metadata, in the same write')
    .option('--if-match <etag>', 'only if the part has this entity tag; * if it is there')
    .option('--new', 'only if it is not there yet')
    .action(act(put))
}

async function put(
  context: Context,
  collection: string,
  name: string,
  file: string | undefined,
  options: PutOptions,
): Promise<void> {
  const { part = 'content', metadata } = options
  if (metadata !== undefined && part === 'metadata')
    throw new UsageError('--part metadata and --metadata both say what the metadata are')
  const source = await sourceOf(context, file)
  const parts =
    metadata === undefined ? { [part]: source } : { content: source, metadata: await readFile(metadata) }
  const storage = await context.writing()
  const conditions = conditionsOf(options, part)
  const result = await storage.put(storage.info(collection, name), parts, {
    ...conditions,
    signal: context.signal,
  })
  const { version, etag, created, modifiedAt } = result
  const text = `${created ? 'created' : 'changed'} ${nameText(name)}, version ${version}`
  await context.output.result({ name, version, etag, created, modifiedAt }, text)
}

function conditionsOf({ ifMatch, new: isNew }: PutOptions, part: PartName): PartPreconditions {
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: { [part]: ifMatch } }),
    ...(isNew === true ? { ifNoneMatch: '*' } : {}),
  }
}

/** Reports a file that cannot be read before it opens anything. */
async function sourceOf({ input }: Context, file: string | undefined): Promise<ByteSource> {
  if (file === undefined || file === '-') return input as AsyncIterable<Uint8Array>
  if (!(await stat(file)).isFile()) throw new UsageError(`${file} is no file`)
  return () => createReadStream(file) as AsyncIterable<Uint8Array>
}
