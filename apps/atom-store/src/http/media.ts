import type { PartStream } from '@larder/storage-core'
import type { Config } from '../config.js'
import { Problem } from '../problem.js'
import type { Collection } from '../store/index.js'
import { mediaBody } from './body.js'
import { acceptedType } from './collections.js'
import { knownTag, lastModified } from './conditional.js'
import { conditions, visibleEntry } from './entries.js'
import type { Call } from './env.js'
import { bytesIn, rangeOf } from './range.js'
import { UNTRUSTED } from './untrusted.js'

/** How often media is opened anew that somebody has replaced while its type was read. */
const ATTEMPTS = 5

export async function getMedia(call: Call, collection: Collection, name: string): Promise<Response> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const entry = await visibleEntry(call, collection, name)
    const media = await collection.openMedia(name, { signal: call.req.raw.signal })
    if (media === undefined) throw noMedia()
    let isRead = false
    try {
      if (entry.record.mediaType === undefined) throw noMedia()
      // The type of an older version is not that of this one.
      if (media.version > entry.version) continue
      const response = mediaAnswer(call, media, entry.record.mediaType)
      isRead = response.body !== null
      return response
    } finally {
      if (!isRead) await media.stream[Symbol.asyncIterator]().return?.()
    }
  }
  throw new Problem(503, 'Others are changing it: try again', { headers: { 'Retry-After': '1' } })
}

/** All of it, the range that is asked for, or that the client has it already. */
function mediaAnswer(call: Call, media: PartStream, type: string): Response {
  const { etag, size, modifiedAt, stream } = media
  const headers = { ...UNTRUSTED, ...lastModified(modifiedAt), ETag: etag, 'Accept-Ranges': 'bytes' }
  const known = knownTag(call.req.raw, media)
  if (known !== undefined) return call.body(null, 304, { ...headers, ETag: known })
  const range = rangeOf(call.req.raw, size, media)
  if (range === undefined) {
    const whole = { ...headers, 'Content-Type': type, 'Content-Length': String(size) }
    if (call.req.method === 'HEAD') return call.body(null, 200, whole)
    return call.body(ReadableStream.from(stream), 200, whole)
  }
  const { start, end } = range
  return call.body(ReadableStream.from(bytesIn(stream, range)), 206, {
    ...headers,
    'Content-Type': type,
    'Content-Length': String(end + 1 - start),
    'Content-Range': `bytes ${start}-${end}/${size}`,
  })
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
  // Both parts have the version of the write. What is read behind it may be somebody else's already.
  const { etag } = await collection.updateMedia(name, media, request)
  return call.body(null, 204, { ETag: etag })
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

function noMedia(): Problem {
  return new Problem(404, 'There is no media here')
}
