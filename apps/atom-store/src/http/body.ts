import { type EntrySource, parseEntryInPieces } from '../atom/index.js'
import { parameterOf } from '../media-type.js'
import type { Media } from '../store/index.js'
import { Problem } from '../problem.js'

/** What is no larger is held in memory, and can be stored a second time where a name is taken or somebody was faster. */
const IN_MEMORY = 1024 * 1024

/** The whole body. Throws a `Problem` 400, 411, 413 or 415. */
export async function readBody(request: Request, maxBytes: number): Promise<Buffer> {
  checkCoding(request)
  checkLength(request, maxBytes)
  const chunks: Uint8Array[] = []
  for await (const chunk of limited(request.body, maxBytes)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** An entry document. Throws a `Problem` 400, 411, 413 or 415. */
export async function entryBody(request: Request, maxBytes: number): Promise<EntrySource> {
  const charset = parameterOf(request.headers.get('content-type') ?? '', 'charset')
  return parseEntryInPieces(await readBody(request, maxBytes), charset)
}

/** The body as media, as a stream where it is large or of unknown length. Throws a `Problem` 400, 411, 413 or 415. */
export async function mediaBody(request: Request, type: string, maxBytes: number): Promise<Media> {
  checkCoding(request)
  const length = checkLength(request, maxBytes)
  if (length !== undefined && length <= IN_MEMORY) return { type, bytes: await readBody(request, maxBytes) }
  return { type, stream: limited(request.body, maxBytes) }
}

/** Bodies come as they are, and whole. */
function checkCoding({ headers }: Request): void {
  const coding = headers.get('content-encoding') ?? 'identity'
  if (coding.toLowerCase() !== 'identity')
    throw new Problem(415, `A body in ${coding} is not accepted`, {
      headers: { 'Accept-Encoding': 'identity' },
    })
  if (headers.has('content-range')) throw new Problem(400, 'A part of a body cannot be stored')
}

/** The length that the client tells; undefined where it sends chunks. */
function checkLength({ headers }: Request, maxBytes: number): number | undefined {
  const text = headers.get('content-length')
  if (text === null) {
    if (headers.get('transfer-encoding') !== null) return undefined
    throw new Problem(411, 'The request tells no Content-Length')
  }
  if (Number(text) > maxBytes) throw tooLarge(maxBytes)
  return Number(text)
}

async function* limited(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0
  const reader = body?.getReader()
  try {
    while (reader !== undefined) {
      const { done, value } = await reader.read().catch(brokenOff)
      if (done) return
      size += value.length
      if (size > maxBytes) throw tooLarge(maxBytes)
      yield value
    }
  } finally {
    reader?.releaseLock()
  }
}

function tooLarge(maxBytes: number): Problem {
  // What is still on its way is not read.
  return new Problem(413, `It is larger than ${maxBytes} bytes`, { headers: { Connection: 'close' } })
}

function brokenOff(cause: unknown): never {
  throw new Problem(400, 'The body broke off', { cause })
}
