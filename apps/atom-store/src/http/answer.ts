import { createHash } from 'node:crypto'
import { ENTRY_TYPE } from '../atom/index.js'
import type { Entry, Version } from '../store/index.js'
import { Addresses } from './addresses.js'
import { knownTag, lastModified } from './conditional.js'
import type { Call } from './env.js'
import { renderEntry } from './render.js'
import { UNTRUSTED } from './untrusted.js'

export interface AnswerOptions {
  readonly status?: 200 | 201 | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** To a GET or HEAD: 304 where the client has this version already. */
export function answer(call: Call, version: Version, type: string, render: () => string): Response {
  const { etag, modifiedAt } = version
  const known = knownTag(call.req.raw, version)
  const headers = { ...(modifiedAt && lastModified(modifiedAt)), ETag: known ?? etag }
  if (known !== undefined) return call.body(null, 304, headers)
  return call.body(render(), 200, { ...headers, ...UNTRUSTED, 'Content-Type': withCharset(type) })
}

/** An entry as it was just stored. */
export function entryAnswer(
  call: Call,
  collection: string,
  entry: Entry,
  { status = 200, headers = {} }: AnswerOptions = {},
): Response {
  const body = renderEntry(collection, entry, new Addresses(call.var.base))
  return call.body(body, status, {
    ...headers,
    ...UNTRUSTED,
    ETag: entry.etag,
    'Content-Type': withCharset(ENTRY_TYPE),
  })
}

/** An entity tag of what is no stored version, but made of such. */
export function tagOf(parts: unknown): string {
  return `"${createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22)}"`
}

function withCharset(type: string): string {
  return `${type};charset=utf-8`
}
