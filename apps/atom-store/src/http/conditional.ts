import { parseEntityTags } from '@larder/storage-core'
import { checkConditions, type Conditions, isModifiedSince, type Tags, type Version } from '../store/index.js'

/** What stands for the same version, compressed on the way. */
const GZIP = '-gzip'

/** A tag as the client has it, and that of the version which it means. */
interface GivenTag {
  readonly given: string
  readonly etag: string
  readonly isWeak: boolean
}

/** For a write. Weak tags of `If-Match` match nothing. Throws `E_BAD_REQUEST` for what is no list of tags. */
export function conditionsOf({ headers }: Request): Conditions {
  const strong = (tags: readonly GivenTag[]): readonly GivenTag[] => tags.filter(({ isWeak }) => !isWeak)
  return {
    ifMatch: etagsOf(headers, 'If-Match', strong),
    ifUnmodifiedSince: dateOf(headers, 'If-Unmodified-Since'),
    ifNoneMatch: etagsOf(headers, 'If-None-Match'),
  }
}

/**
 * For a GET or HEAD: the client's own tag of this version, where it has it already. Throws a `Problem` 412 where it asks
 * for another one.
 */
export function knownTag(request: Request, version: Version): string | undefined {
  const { headers } = request
  const { etag, modifiedAt } = version
  checkConditions({ ...conditionsOf(request), ifNoneMatch: undefined }, version)
  const ifNoneMatch = headers.get('if-none-match')
  if (ifNoneMatch === null) {
    const since = modifiedAt && dateOf(headers, 'If-Modified-Since')
    return since === undefined || isModifiedSince(since, modifiedAt) ? undefined : etag
  }
  if (ifNoneMatch.trim() === '*') return etag
  return tagsIn('If-None-Match', ifNoneMatch).find((tag) => tag.etag === etag)?.given
}

/** The entity tag of the same version in gzip, which is another sequence of bytes. */
export function gzipTag(etag: string): string {
  return etag.replace(/^(?:W\/)?"(.*)"$/, `"$1${GZIP}"`)
}

/**
 * `Last-Modified`, once its second is over: a header tells no more than seconds, and whoever asks by it alone must not
 * miss what is written later in the same one.
 */
export function lastModified(modifiedAt: Date): Readonly<Record<string, string>> {
  const text = modifiedAt.toUTCString()
  return Date.parse(text) + 1_000 <= Date.now() ? { 'Last-Modified': text } : {}
}

function etagsOf(
  headers: Headers,
  name: string,
  usable = (tags: readonly GivenTag[]): readonly GivenTag[] => tags,
): Tags | undefined {
  const header = headers.get(name)
  if (header === null) return undefined
  if (header.trim() === '*') return '*'
  return usable(tagsIn(name, header)).map(({ etag }) => etag)
}

/** None of `'*'`, which is looked for before. */
function tagsIn(name: string, header: string): GivenTag[] {
  const tags = parseEntityTags(header, name)
  return tags === '*' ? [] : tags.map(({ etag, isWeak }) => ({ given: etag, etag: ownTag(etag), isWeak }))
}

function ownTag(etag: string): string {
  return etag.endsWith(`${GZIP}"`) ? `${etag.slice(0, -GZIP.length - 1)}"` : etag
}

/** What is no date is passed over. */
function dateOf(headers: Headers, name: string): Date | undefined {
  const time = Date.parse(headers.get(name) ?? '')
  return Number.isNaN(time) ? undefined : new Date(time)
}
