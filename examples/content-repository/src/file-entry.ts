import { type ByteSource, jsonCodec } from '@larder/storage-core'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { FoundFile } from './files.js'
import { mediaTypeOf } from './media-type.js'

/** The metadata of a stored file. */
export interface FileEntry {
  readonly name: string
  readonly mediaType: string
  readonly size: number
  /** Of the content: `sha-256:` and 64 hexadecimal digits. */
  readonly digest: string
  /** When the file was last written. */
  readonly modified: string
}

export interface LoadedFile {
  readonly entry: FileEntry
  readonly content: ByteSource
}

/** A file of which the content was another at the second look. */
export class FileChangedError extends Error {}

/** Larger files are read piece by piece, and never lie in memory as a whole. */
export const STREAM_FROM_BYTES = 1024 * 1024

export const entryCodec = jsonCodec<FileEntry>()

export function digestOf(bytes: Uint8Array): string {
  return `sha-256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function newEntry(name: string, size: number, digest: string, modified: Date): FileEntry {
  return { name, mediaType: mediaTypeOf(name), size, digest, modified: modified.toISOString() }
}

/** Reads the file, or where it is large its digest. Rejects with the file system's error. */
export async function loadFile({ path, name }: FoundFile): Promise<LoadedFile> {
  const file = await open(path)
  try {
    const { size, mtime } = await file.stat()
    if (size > STREAM_FROM_BYTES) return await loadLarge(path, file, name, mtime)
    const bytes = await file.readFile()
    return { entry: newEntry(name, bytes.length, digestOf(bytes), mtime), content: bytes }
  } finally {
    await file.close()
  }
}

async function loadLarge(path: string, file: FileHandle, name: string, modified: Date): Promise<LoadedFile> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    size += chunk.length
  }
  const entry = newEntry(name, size, `sha-256:${hash.digest('hex')}`, modified)
  return { entry, content: readAgain(path, entry) }
}

/**
 * The entry goes into the same write as the content, so its digest must be known before. Should the file change
 * between the two readings, the stream fails at its end, and the write with it.
 */
async function* readAgain(path: string, entry: FileEntry): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    yield chunk
  }
  if (`sha-256:${hash.digest('hex')}` !== entry.digest)
    throw new FileChangedError('it changed while it was read')
}
