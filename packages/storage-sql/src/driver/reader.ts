import {
  isStorageError,
  type PartName,
  type PartStream,
  type ResourceInfo,
  type StoredPart,
} from '@larder/storage-core'
import type { ContentChunks } from './content-chunks.js'
import type { ConnectionSource } from '../connections/index.js'
import { inCollection } from './containers.js'
import { binaryOf, joinSql, optionalNumber, type Row, statement } from '../dialects/index.js'
import { type LockedRow, lockedRow, partInfoOf, selectForWrite } from './resource-row.js'
import type { TablePaths } from '../tables.js'

// Each row may be as large as the inline limit.
const NAMES_IN_A_QUERY = 256
const READS_OF_A_BODY = 3

const COLUMNS: Readonly<Record<PartName, string>> = {
  content:
    'content_version AS version, content_modified_us AS modified_us, content_size AS size, content AS data, content_body AS body_id',
  metadata:
    'metadata_version AS version, metadata_modified_us AS modified_us, length(metadata) AS size, metadata AS data, NULL AS body_id',
}

type Signal = AbortSignal | undefined

/** Reads parts, each query by itself and never inside of a transaction. */
export class Reader {
  readonly #source: ConnectionSource
  readonly #tables: TablePaths
  readonly #chunks: ContentChunks

  constructor(source: ConnectionSource, tables: TablePaths, chunks: ContentChunks) {
    this.#source = source
    this.#tables = tables
    this.#chunks = chunks
  }

  async read(
    infos: readonly ResourceInfo[],
    part: PartName,
    signal: Signal,
  ): Promise<(StoredPart | undefined)[]> {
    const found: (StoredPart | undefined)[] = infos.map(() => undefined)
    for (const [collection, members] of byCollection(infos)) {
      const names = [...members.keys()]
      for (let start = 0; start < names.length; start += NAMES_IN_A_QUERY) {
        const some = names.slice(start, start + NAMES_IN_A_QUERY)
        for (const [name, row] of await this.#rows(collection, some, part, signal)) {
          for (const index of members.get(name) ?? []) {
            found[index] = await this.#part(collection, name, row, part, signal)
          }
        }
      }
    }
    return found
  }

  async open({ collection, resource = '' }: ResourceInfo, signal: Signal): Promise<PartStream | undefined> {
    const row = (await this.#rows(collection, [resource], 'content', signal)).get(resource)
    if (row === undefined) return undefined
    const info = partInfoOf(row)
    const body = optionalNumber(row['body_id'])
    const stream = body === undefined ? once(bytesOf(row)) : this.#chunks.read(body, info.size, signal)
    return { ...info, stream }
  }

  async exists(
    { collection, resource = '' }: ResourceInfo,
    part: PartName | undefined,
    signal: Signal,
  ): Promise<boolean> {
    const condition = part === undefined ? 'live = 1' : `${part}_version IS NOT NULL`
    const select = joinSql([
      statement(`SELECT 1 AS found FROM ${this.#tables.resource} WHERE`),
      inCollection(this.#tables, collection),
      statement(`AND name = ? AND ${condition}`, resource),
    ])
    const { rows } = await this.#source.read((connection) => connection.run(select), signal)
    return rows.length > 0
  }

  /** The versions of the parts as they are committed, of which nothing is locked. */
  async versions(
    { collection, resource = '' }: ResourceInfo,
    signal: Signal,
  ): Promise<LockedRow['versions']> {
    const select = selectForWrite(this.#tables, collection, resource, '')
    const { rows } = await this.#source.read((connection) => connection.run(select), signal)
    return rows[0] === undefined ? { content: undefined, metadata: undefined } : lockedRow(rows[0]).versions
  }

  async #rows(
    collection: string,
    names: readonly string[],
    part: PartName,
    signal: Signal,
  ): Promise<Map<string, Row>> {
    const { dialect } = this.#source
    const select = joinSql([
      statement(`SELECT name, ${COLUMNS[part]} FROM ${this.#tables.resource} WHERE`),
      inCollection(this.#tables, collection),
      statement(`AND ${part}_version IS NOT NULL AND`),
      dialect.anyOf('name', names),
    ])
    const { rows } = await this.#source.read((connection) => connection.run(select), signal)
    return new Map(rows.map((row) => [dialect.name(row['name']), row]))
  }

  async #part(
    collection: string,
    name: string,
    first: Row,
    part: PartName,
    signal: Signal,
  ): Promise<StoredPart | undefined> {
    let row: Row | undefined = first
    for (let attempt = 1; row !== undefined; attempt++) {
      const body = optionalNumber(row['body_id'])
      const info = partInfoOf(row)
      if (body === undefined) return { ...info, bytes: bytesOf(row) }
      try {
        const chunks: Buffer[] = []
        for await (const chunk of this.#chunks.read(body, info.size, signal)) chunks.push(chunk)
        return { ...info, bytes: Buffer.concat(chunks) }
      } catch (error) {
        // Replaced meanwhile: what replaced it can be read.
        if (attempt === READS_OF_A_BODY || !isStorageError(error, 'E_CONFLICT')) throw error
      }
      row = (await this.#rows(collection, [name], part, signal)).get(name)
    }
    return undefined
  }
}

/** Where in `infos` each name of each collection is asked for. */
function byCollection(infos: readonly ResourceInfo[]): Map<string, Map<string, number[]>> {
  const collections = new Map<string, Map<string, number[]>>()
  for (const [index, { collection, resource = '' }] of infos.entries()) {
    const members = collections.get(collection) ?? new Map<string, number[]>()
    collections.set(collection, members)
    const places = members.get(resource)
    if (places === undefined) members.set(resource, [index])
    else places.push(index)
  }
  return collections
}

// A copy: some drivers give out pieces of a larger buffer, and a resource may be asked for twice.
function bytesOf(row: Row): Buffer {
  return Buffer.from(binaryOf(row['data']) ?? [])
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes
}
