import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { lstat, mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/**
 * The file is there as a whole or not at all: what is written has another name until its end. Devices, pipes and what
 * links point to are written to as they are.
 */
export async function writeWhole(path: string, chunks: Chunks, signal: AbortSignal): Promise<void> {
  if (!(await isReplaceable(path))) return write(path, 'w', chunks, signal)
  const unfinished = `${path}.${randomBytes(4).toString('hex')}.part`
  try {
    await write(unfinished, 'wx', chunks, signal)
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

/** The same, with the folders that lead to it. */
export async function writeBelow(path: string, chunks: Chunks, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeWhole(path, chunks, signal)
}

async function write(path: string, flags: string, chunks: Chunks, signal: AbortSignal): Promise<void> {
  await pipeline(Readable.from(chunks), createWriteStream(path, { flags }), { signal })
}

async function isReplaceable(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw error
  }
}
