import { isStorageError, type Storage } from '@larder/storage-core'
import { SqlStorage } from '@larder/storage-sql'
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Command, UsageError } from './command-line.js'

const FILE_NAME = 'repository.sqlite'

/** The durable home of the resources. */
export interface Database extends AsyncDisposable {
  /** For people; without the password. */
  readonly description: string
  /** Tells this database from every other, and is the same for all who use this one. */
  readonly identity: string
  /** Of an SQLite database that this program has made. */
  readonly file: string | undefined
  /** Opens connections of the caller's own. */
  connect(): Promise<Storage>
}

/** The database that `DATABASE_URL` names, or a file in the data folder, or one in a temporary folder. */
export async function openDatabase({ dataFolder }: Command, env: NodeJS.ProcessEnv): Promise<Database> {
  const url = env['DATABASE_URL']
  if (url) return describeDatabase(url, undefined, checkUrl(url))
  if (dataFolder !== undefined) {
    await mkdir(dataFolder, { recursive: true })
    const file = join(await realpath(dataFolder), FILE_NAME)
    return describeDatabase(`sqlite:${file}`, file, `SQLite, ${file}`)
  }
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'larder-content-repository-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  const file = join(folder, FILE_NAME)
  try {
    return await describeDatabase(`sqlite:${file}`, file, `SQLite, ${file} (removed at the end)`, remove)
  } catch (error) {
    await remove()
    throw error
  }
}

async function describeDatabase(
  url: string,
  file: string | undefined,
  description: string,
  remove: () => Promise<void> = () => Promise.resolve(),
): Promise<Database> {
  const connect = (): Promise<Storage> => connectTo(url, description)
  await using storage = await connect()
  const identity = await identityOf(storage, url)
  return { description, identity, file, connect, [Symbol.asyncDispose]: remove }
}

async function connectTo(url: string, description: string): Promise<Storage> {
  try {
    return await SqlStorage.open({ url })
  } catch (cause) {
    if (!isStorageError(cause, 'E_STORAGE_UNAVAILABLE')) throw cause
    throw new Error(`The database cannot be reached: ${description}`, { cause })
  }
}

/**
 * A name that the first user writes into the database, and that everybody after finds there. An SQLite file can be
 * copied, name and all, so its path is a part of the identity.
 */
async function identityOf(storage: Storage, url: string): Promise<string> {
  const info = storage.info('larder.example', 'identity')
  try {
    await storage.putContent(info, randomUUID(), { ifNoneMatch: '*' })
  } catch (error) {
    if (!isStorageError(error, 'E_PRECONDITION_FAILED')) throw error
  }
  const { bytes } = await storage.getContent(info)
  const path = url.startsWith('sqlite:') ? resolve(url.slice('sqlite:'.length)) : ''
  return createHash('sha256').update(`${bytes.toString()} ${path}`).digest('base64url').slice(0, 22)
}

const SCHEMES: Readonly<Record<string, string>> = Object.freeze({
  'postgres:': 'PostgreSQL',
  'postgresql:': 'PostgreSQL',
  'mysql:': 'MySQL',
  'mariadb:': 'MariaDB',
})

function checkUrl(url: string): string {
  // Each connection would see a database of its own.
  if (url === 'sqlite::memory:')
    throw new UsageError('DATABASE_URL: a database in memory has room for one client only')
  if (url.startsWith('sqlite:')) return `SQLite, ${url.slice('sqlite:'.length)}`
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const kind = parsed && SCHEMES[parsed.protocol]
  if (parsed === undefined || kind === undefined) {
    throw new UsageError('DATABASE_URL must begin with postgres://, mysql://, mariadb:// or sqlite:')
  }
  return `${kind}, ${parsed.host}${parsed.pathname}`
}
