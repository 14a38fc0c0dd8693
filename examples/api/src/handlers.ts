import { isStorageError, parsePreconditions, type ResourceInfo } from '@larder/storage-core'
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { parseFields } from './product.js'
import { etagOf, Products } from './products.js'
import type { Shop } from './shop.js'

/** What both frameworks have. */
export interface ApiRequest {
  readonly id: string
  readonly headers: IncomingHttpHeaders
  /** Parsed JSON. */
  readonly body: unknown
  /** For uploads: the bytes as they come. */
  readonly stream: Readable
}

export interface ApiAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** A stream is sent as it is, all else as JSON. */
  readonly body?: unknown
}

export type Handler = (request: ApiRequest) => Promise<ApiAnswer>

const BYTES = { 'content-type': 'application/octet-stream' } as const
const NOT_FOUND: ApiAnswer = { status: 404, body: { error: 'There is no such product' } }
const BAD_PRODUCT: ApiAnswer = { status: 400, body: { error: 'A product has a name and priceCents' } }
const CHANGED: ApiAnswer = { status: 412, body: { error: 'It was changed since: read it again' } }

/** The API, without a framework. */
export class Handlers {
  readonly #products: Products
  readonly #images: Shop['images']

  constructor(shop: Shop) {
    this.#products = new Products(shop)
    this.#images = shop.images
  }

  readonly list: Handler = async ({ headers }) => {
    const body = JSON.stringify(await this.#products.list())
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
    return fresh(headers, etag, () => ({ status: 200, body: JSON.parse(body) as unknown }))
  }

  readonly read: Handler = async ({ id, headers }) => {
    const product = await this.#products.find(Number(id))
    return product === null
      ? NOT_FOUND
      : fresh(headers, etagOf(product), () => ({ status: 200, body: product }))
  }

  readonly create: Handler = async ({ body }) => {
    const fields = parseFields(body)
    if (fields === undefined) return BAD_PRODUCT
    const product = await this.#products.create(fields)
    const headers = { location: `/products/${product.id}`, etag: etagOf(product) }
    return { status: 201, headers, body: product }
  }

  readonly change: Handler = async ({ id, headers, body }) => {
    const fields = parseFields(body)
    if (fields === undefined) return BAD_PRODUCT
    const product = await this.#products.change(Number(id), fields, parsePreconditions(headers))
    if (typeof product === 'string') return product === 'not-found' ? NOT_FOUND : CHANGED
    return { status: 200, headers: { etag: etagOf(product) }, body: product }
  }

  readonly remove: Handler = async ({ id, headers }) => {
    const removed = await this.#products.remove(Number(id), parsePreconditions(headers))
    if (typeof removed === 'string') return removed === 'not-found' ? NOT_FOUND : CHANGED
    await this.#images.remove(this.#imageOf(id))
    return { status: 204 }
  }

  readonly readImage: Handler = async ({ id, headers }) => {
    const image = await this.#images.openContent(this.#imageOf(id))
    const body = Readable.from(image.stream)
    const answer = fresh(headers, image.etag, () => ({ status: 200, body }))
    if (answer.status === 304) body.destroy()
    return answer.status === 304 ? answer : { ...answer, headers: { ...answer.headers, ...BYTES } }
  }

  /** Stores the body while it comes. Where it is refused, the rest is read and dropped, so that the answer arrives. */
  readonly writeImage: Handler = async ({ id, headers, stream }) => {
    if ((await this.#products.find(Number(id))) === null) return NOT_FOUND
    try {
      // Leaving an iterator of its own early keeps the connection, which destroying the request would not.
      const bytes = stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
      const written = await this.#images.putContent(this.#imageOf(id), bytes, parsePreconditions(headers))
      return { status: written.created ? 201 : 204, headers: { etag: written.etag } }
    } finally {
      stream.resume()
    }
  }

  #imageOf(id: string): ResourceInfo {
    return this.#images.info('images', id)
  }
}

/** What an error of a handler is answered with. */
export function answerFor(error: unknown): ApiAnswer {
  if (isStorageError(error, 'E_NOT_FOUND')) return { status: 404, body: { error: 'There is no image' } }
  if (isStorageError(error, 'E_PRECONDITION_FAILED')) return CHANGED
  if (isStorageError(error, 'E_BAD_REQUEST')) return { status: 400, body: { error: error.message } }
  console.error(error)
  return { status: 503, body: { error: 'Try again later' } }
}

/** 304 where the client has this version already. */
function fresh(headers: IncomingHttpHeaders, etag: string, make: () => ApiAnswer): ApiAnswer {
  const { ifNoneMatch } = parsePreconditions(headers)
  const isKnown = ifNoneMatch === '*' || ifNoneMatch?.includes(etag) === true
  return isKnown ? { status: 304, headers: { etag } } : { ...make(), headers: { etag } }
}
