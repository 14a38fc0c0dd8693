import { ENTRY_TYPE } from '../atom/index.js'
import type { Config } from '../config.js'
import { mediaTypeOf } from '../media-type.js'
import { Problem } from '../problem.js'
import type { Collection, Entry, WriteRequest } from '../store/index.js'
import { Addresses } from './addresses.js'
import { answer, entryAnswer } from './answer.js'
import { entryBody } from './body.js'
import { conditionsOf } from './conditional.js'
import type { Call } from './env.js'
import type { HtmlPages } from './html-pages.js'
import { preferred } from './negotiate.js'
import { renderEntry } from './render.js'

const ENTRY_TYPES = [ENTRY_TYPE, 'application/atom+xml', 'application/xml', 'text/xml']

export async function getEntry(
  call: Call,
  collection: Collection,
  name: string,
  pages?: HtmlPages,
): Promise<Response> {
  const type = preferred(call.req.raw, pages === undefined ? ENTRY_TYPES : [...ENTRY_TYPES, 'text/html'])
  if (type === 'text/html' && pages !== undefined) return pages.entry(call, collection, name)
  const entry = await visibleEntry(call, collection, name)
  return answer(call, entry, type, () => renderEntry(collection.name, entry, new Addresses(call.var.base)))
}

export async function putEntry(
  call: Call,
  collection: Collection,
  name: string,
  config: Config,
): Promise<Response> {
  const request = conditions(call, config)
  const type = call.req.header('content-type')
  if (mediaTypeOf(type) !== ENTRY_TYPE)
    throw new Problem(415, `${type ?? 'A body without a Content-Type'} is no Atom entry`)
  const source = await entryBody(call.req.raw, config.maxEntryBytes)
  return entryAnswer(call, collection.name, await collection.update(name, source, request))
}

export async function deleteEntry(
  call: Call,
  collection: Collection,
  name: string,
  config: Config,
): Promise<Response> {
  await collection.remove(name, conditions(call, config))
  return call.body(null, 204)
}

/** Throws a `Problem` 404 for what is not there, and for drafts of others. */
export async function visibleEntry(call: Call, collection: Collection, name: string): Promise<Entry> {
  const entry = await collection.read(name, { signal: call.req.raw.signal })
  if (entry !== undefined && (!entry.record.draft || call.var.viewer.isEditor)) return entry
  throw new Problem(404, 'There is no such entry')
}

/** Throws a `Problem` 428 where the configuration wants a condition and there is none. */
export function conditions(call: Call, config: Config): WriteRequest {
  const given = conditionsOf(call.req.raw)
  if (config.requireConditions && given.ifMatch === undefined)
    throw new Problem(428, 'Say with If-Match which version is meant')
  return { ...given, user: call.var.viewer.user, signal: call.req.raw.signal }
}
