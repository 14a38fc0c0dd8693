import { type Command, Option } from 'commander'
import type { PartName } from '@larder/storage-core'
import type { Act } from '../act.js'
import type { Context } from '../context.js'
import { partOption } from '../parts.js'
import { type Chunks, writeWhole } from '../whole-file.js'

interface GetOptions {
  readonly part?: PartName
  readonly output?: string
}

export function addGet(program: Command, act: Act): void {
  program
    .command('get')
    .description('writes a part of a resource to the output or a file; with --json its bytes as base64')
    .argument('<collection>')
    .argument('<name>')
    .addOption(partOption('default: content'))
    .addOption(new Option('-o, --output <file>', 'writes there'))
    .action(act(get))
}

async function get(context: Context, collection: string, name: string, options: GetOptions): Promise<void> {
  const { output, signal } = context
  const storage = await context.reading()
  const info = storage.info(collection, name)
  if (options.part === 'metadata' || output.isJson) {
    const part =
      options.part === 'metadata'
        ? await storage.getMetaData(info, { signal })
        : await storage.getContent(info, { signal })
    const { bytes, version, etag, size, modifiedAt } = part
    if (output.isJson) {
      const value = { name, version, etag, size, modifiedAt, base64: bytes.toString('base64') }
      return output.write(`${JSON.stringify(value)}\n`)
    }
    return send(context, [bytes], options.output)
  }
  const { stream } = await storage.openContent(info, { signal })
  await send(context, stream, options.output)
}

async function send({ output, signal }: Context, chunks: Chunks, file: string | undefined): Promise<void> {
  if (file !== undefined) return writeWhole(file, chunks, signal)
  for await (const chunk of chunks) {
    signal.throwIfAborted()
    await output.write(chunk)
  }
}
