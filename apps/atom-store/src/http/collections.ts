import { ENTRY_TYPE, FEED_TYPE } from '../atom/index.js'
import type { Config } from '../config.js'
import { mediaTypeOf } from '../media-type.js'
import { Problem } from '../problem.js'
import {
  type Collection,
  decodeSlug,
  type FeedOptions,
  type FeedPage,
  type PagePlace,
} from '../store/index.js'
import { Addresses } from './addresses.js'
import { answer, entryAnswer, tagOf } from './answer.js'
import { entryBody, mediaBody } from './body.js'
import type { Call } from './env.js'
import type { HtmlPages } from './html-pages.js'
import { preferred } from './negotiate.js'
import { type Link, renderFeed } from './render.js'

const FEED_TYPES = [FEED_TYPE, 'application/atom+xml', 'application/xml', 'text/xml']

/** A page of the feed, newest edited first. Drafts are for those who are signed in. */
export async function getCollection(
  call: Call,
  collection: Collection,
  pages?: HtmlPages,
): Promise<Response> {
  const place = placeOf(call)
  const types = pages === undefined ? FEED_TYPES : [...FEED_TYPES, 'text/html']
  const type = preferred(call.req.raw, types)
  if (type === 'text/html' && pages !== undefined) return pages.collection(call, collection, place)
  const page = await collection.page(place, feedOptions(call))
  const { entries } = page
  const addresses = new Addresses(call.var.base)
  const parts = {
    id: addresses.collection(collection.name),
    title: collection.title,
    links: linksOf(collection.name, place, page, addresses, extraOf(call)),
    entries,
  }
  const etag = tagOf([
    addresses.service,
    collection.title,
    parts.links,
    entries.map(({ name, etag }) => [name, etag]),
  ])
  return answer(call, { etag }, type, () => renderFeed(collection.name, parts, addresses))
}

/** A new entry, or media with an entry of its own. */
export async function postToCollection(
  call: Call,
  collection: Collection,
  config: Config,
): Promise<Response> {
  const mediaType = acceptedType(call, collection)
  const request = call.req.raw
  const options = {
    user: call.var.viewer.user,
    slug: decodeSlug(call.req.header('slug')),
    signal: request.signal,
  }
  const entry =
    mediaType === ENTRY_TYPE
      ? await collection.create(await entryBody(request, config.maxEntryBytes), options)
      : await collection.createMedia(await mediaBody(request, mediaType, config.maxMediaBytes), options)
  const location = new Addresses(call.var.base).entry(collection.name, entry.name)
  const headers = { Location: location, 'Content-Location': location }
  return entryAnswer(call, collection.name, entry, { status: 201, headers })
}

/** Of the body. Throws a `Problem` 415 for what the collection has no place for. */
export function acceptedType(call: Call, collection: Collection): string {
  const header = call.req.header('content-type')
  const mediaType = mediaTypeOf(header)
  if (mediaType !== undefined && collection.accepts(mediaType)) return mediaType
  const wanted = collection.accept.join(', ')
  throw new Problem(415, `${header ?? 'A body without a Content-Type'} is not accepted here, but ${wanted}`)
}

/** Without authentication everybody is an editor, and has to ask for drafts. */
export function seesDrafts(call: Call): boolean {
  const { isEditor, user } = call.var.viewer
  return isEditor && (user !== undefined || call.req.query('drafts') === 'yes')
}

/** Without drafts for those who do not see them. */
export function feedOptions(call: Call): Pick<FeedOptions, 'isShown' | 'signal'> {
  const withDrafts = seesDrafts(call)
  return { isShown: ({ draft }) => withDrafts || !draft, signal: call.req.raw.signal }
}

function extraOf(call: Call): Readonly<Record<string, string>> {
  return call.req.query('drafts') === 'yes' ? { drafts: 'yes' } : {}
}

function placeOf(call: Call): PagePlace {
  const last = call.req.query('last') === undefined ? undefined : true
  return { after: call.req.query('after'), before: call.req.query('before'), last }
}

function linksOf(
  name: string,
  place: PagePlace,
  { previous, next }: FeedPage,
  addresses: Addresses,
  extra: Readonly<Record<string, string>>,
): Link[] {
  const places = { self: place, first: {}, previous, next, last: { last: true } }
  return Object.entries(places).flatMap(([rel, each]) =>
    each === undefined ? [] : [{ rel, href: addresses.page(name, each, extra), type: FEED_TYPE }],
  )
}
