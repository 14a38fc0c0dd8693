import type { PartStream } from '@larder/storage-core'
import type { Config } from '../config.js'
import { Problem } from '../problem.js'
import type { Collection } from '../store/collection.js'
import { mediaBody } from './body.js'
import { acceptedType } from './collections.js'
import { knownTag } from './conditional.js'
import { conditions, visibleEntry } from './entries.js'
import type { Call } from './env.js'
import { UNTRUSTED } from './untrusted.js'

export async function getMedia(call: Call, collection: Collection, name: string): Promise<Response> {
  const { record } = await visibleEntry(call, collection, name)
  const media = await collection.openMedia(name, { signal: call.req.raw.signal })
  if (media === undefined || record.mediaType === undefined) throw new Problem(404, 'There is no media here')
  const { etag, size, modifiedAt } = media
  const headers = { ...UNTRUSTED, ETag: etag, 'Last-Modified': modifiedAt.toUTCString() }
  if (knownTag(call.req.header('if-none-match'), etag) !== undefined) {
    await close(media)
    return call.body(null, 304, headers)
  }
  const described = { ...headers, 'Content-Type': record.mediaType, 'Content-Length': String(size) }
  if (call.req.method === 'HEAD') {
    await close(media)
    return call.body(null, 200, described)
  }
  return call.body(ReadableStream.from(media.stream), 200, described)
}

export async function putMedia(
  call: Call,
  collection: Collection,
  name: string,
  config: Config,
): Promise<Response> {
  const request = conditions(call, config)
  const type = acceptedType(call, collection)
  const media = await mediaBody(call.req.raw, type, config.maxMediaBytes)
  await collection.updateMedia(name, media, request)
  const etag = await collection.mediaTag(name, request)
  return call.body(null, 204, etag === undefined ? {} : { ETag: etag })
}

export async function deleteMedia(
  call: Call,
  collection: Collection,
  name: string,
  config: Config,
): Promise<Response> {
  await collection.remove(name, { ...conditions(call, config), part: 'media' })
  return call.body(null, 204)
}

async function close({ stream }: PartStream): Promise<void> {
  await stream[Symbol.asyncIterator]().return?.()
}
