import { isStorageError, type Storage } from '@larder/storage-core'
import { SqlStorage } from '@larder/storage-sql'
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeDatabaseUrl, isSqlite, sqlitePathOf } from './database-url.js'

export interface DatabaseChoice {
  /** Where an SQLite file is kept; a temporary folder where none is given. */
  readonly dataFolder: string | undefined
  /** Its name there. */
  readonly fileName: string
  /** Whether pages are asked for in the order of the last write. */
  readonly orderByModified?: boolean
}

/** The durable home of the resources. */
export interface Database extends AsyncDisposable {
  /** For people; without the password. */
  readonly description: string
  /** Tells this database from every other, and is the same for all who use this one. */
  readonly identity: string
  /** Of an SQLite database, by its real path. */
  readonly file: string | undefined
  /** Opens connections of the caller's own. */
  connect(): Promise<SqlStorage>
}

/** The database that `DATABASE_URL` names, or a file in the data folder, or one in a temporary folder. */
export async function openDatabase(
  { dataFolder, fileName, orderByModified = false }: DatabaseChoice,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Database> {
  const url = env['DATABASE_URL']
  if (url) return describeDatabase({ url, orderByModified }, describeDatabaseUrl(url), signal)
  if (dataFolder !== undefined) {
    await mkdir(dataFolder, { recursive: true })
    const file = join(await realpath(dataFolder), fileName)
    return describeDatabase({ url: `sqlite:${file}`, orderByModified }, `SQLite, ${file}`, signal)
  }
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'larder-example-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  const file = join(folder, fileName)
  try {
    const options = { url: `sqlite:${file}`, orderByModified }
    return await describeDatabase(options, `SQLite, ${file} (temporary)`, signal, remove)
  } catch (error) {
    await remove()
    throw error
  }
}

interface OpenOptions {
  readonly url: string
  readonly orderByModified: boolean
}

async function describeDatabase(
  options: OpenOptions,
  description: string,
  signal: AbortSignal,
  remove: () => Promise<void> = () => Promise.resolve(),
): Promise<Database> {
  const { url } = options
  const connect = (): Promise<SqlStorage> => {
    const connecting = connectTo(options, description)
    // A file opens at once, and must not appear in a folder that has been removed meanwhile.
    return isSqlite(url) ? connecting : untilStopped(connecting, signal)
  }
  await using storage = await connect()
  // Now it exists, and a link to it leads to the same path as the file itself.
  const file = isSqlite(url) ? await realpath(sqlitePathOf(url)) : undefined
  const identity = await identityOf(storage, file, signal)
  return { description, identity, file, connect, [Symbol.asyncDispose]: remove }
}

async function connectTo(options: OpenOptions, description: string): Promise<SqlStorage> {
  try {
    return await SqlStorage.open(options)
  } catch (cause) {
    if (isStorageError(cause, 'E_STORAGE_UNAVAILABLE'))
      throw new Error(`The database cannot be reached: ${description}`, { cause })
    throw cause
  }
}

/** A storage that connects too late is closed, since nobody else will. */
async function untilStopped(connecting: Promise<SqlStorage>, signal: AbortSignal): Promise<SqlStorage> {
  let giveUp: () => void = () => undefined
  const stopped = new Promise<never>((_, reject) => {
    giveUp = () => reject(new Error('Stopped while connecting to the database'))
    signal.addEventListener('abort', giveUp)
  })
  try {
    if (signal.aborted) giveUp()
    return await Promise.race([stopped, connecting])
  } catch (error) {
    void connecting.then(
      (storage) => storage.shutdown(),
      () => undefined,
    )
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

/**
 * A name that the first user writes into the database, and that everybody after finds there. An SQLite file can be
 * copied, name and all, so its path is a part of the identity.
 */
async function identityOf(storage: Storage, file: string | undefined, signal: AbortSignal): Promise<string> {
  const info = storage.info('larder.example', 'identity')
  try {
    await storage.putContent(info, randomUUID(), { ifNoneMatch: '*', signal })
  } catch (error) {
    if (!isStorageError(error, 'E_PRECONDITION_FAILED')) throw error
  }
  const { bytes } = await storage.getContent(info, { signal })
  return createHash('sha256')
    .update(`${bytes.toString()} ${file ?? ''}`)
    .digest('base64url')
    .slice(0, 22)
}
