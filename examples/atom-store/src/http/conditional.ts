import type { IfMatch } from '../store/conditions.js'
import { Problem } from '../problem.js'

const TAG = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/
/** What stands for the same version, compressed on the way. */
const GZIP = '-gzip'

/** The tags of `If-Match`; weak ones match nothing. Throws a `Problem` 400 for what is no list of tags. */
export function ifMatchOf(header: string | undefined): IfMatch {
  if (header === undefined) return undefined
  if (header.trim() === '*') return '*'
  return tagsOf('If-Match', header).flatMap(({ weak, tag }) => (weak ? [] : [tag]))
}

/** The client's own tag of this version, where it has it already. */
export function knownTag(ifNoneMatch: string | undefined, etag: string): string | undefined {
  if (ifNoneMatch === undefined) return undefined
  if (ifNoneMatch.trim() === '*') return etag
  return tagsOf('If-None-Match', ifNoneMatch).find(({ tag }) => tag === etag)?.given
}

/** The entity tag of the same version in gzip, which is another sequence of bytes. */
export function gzipTag(etag: string): string {
  return etag.replace(/^(?:W\/)?"(.*)"$/, `"$1${GZIP}"`)
}

function tagsOf(name: string, header: string): { weak: boolean; tag: string; given: string }[] {
  return header.split(',').flatMap((part) => {
    if (part.trim() === '') return []
    const match = TAG.exec(part.trim())
    if (match === null) throw new Problem(400, `${name} is no list of entity tags`)
    const opaque = match[2] ?? ''
    const tag = opaque.endsWith(GZIP) ? opaque.slice(0, -GZIP.length) : opaque
    return { weak: match[1] !== undefined, tag: `"${tag}"`, given: `"${opaque}"` }
  })
}
