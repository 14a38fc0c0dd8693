import { createHash } from 'node:crypto'
import { ENTRY_TYPE } from '../atom/names.js'
import type { Entry } from '../store/entry.js'
import { Addresses } from './addresses.js'
import { knownTag } from './conditional.js'
import type { Call } from './env.js'
import { renderEntry } from './render.js'
import { UNTRUSTED } from './untrusted.js'

export interface AnswerOptions {
  readonly status?: 200 | 201 | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** To a GET or HEAD: 304 where the client has this version already. */
export function answer(call: Call, etag: string, type: string, render: () => string): Response {
  const known = knownTag(call.req.header('if-none-match'), etag)
  call.header('ETag', known ?? etag)
  if (known !== undefined) return call.body(null, 304)
  return call.body(render(), 200, { ...UNTRUSTED, 'Content-Type': withCharset(type) })
}

/** An entry as it is stored. */
export function entryAnswer(
  call: Call,
  collection: string,
  entry: Entry,
  type: string = ENTRY_TYPE,
  { status = 200, headers = {} }: AnswerOptions = {},
): Response {
  const body = renderEntry(collection, entry, new Addresses(call.var.base))
  return call.body(body, status, {
    ...headers,
    ...UNTRUSTED,
    ETag: entry.etag,
    'Content-Type': withCharset(type),
  })
}

/** An entity tag of what is no stored version, but made of such. */
export function tagOf(parts: unknown): string {
  return `"${createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22)}"`
}

function withCharset(type: string): string {
  return `${type};charset=utf-8`
}
