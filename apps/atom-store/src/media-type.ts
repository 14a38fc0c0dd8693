const ATOM_TYPE = 'application/atom+xml'

/**
 * Of a `Content-Type`: with the type in lower case, and the parameters as they are. Of those of Atom documents only
 * `type` counts, and what a client posts without more words is an entry. Undefined for what is no media type.
 */
export function mediaTypeOf(header: string | undefined): string | undefined {
  const [first = '', ...rest] = (header ?? '').split(';').map((part) => part.trim())
  const type = first.toLowerCase()
  if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type)) return undefined
  if (type === ATOM_TYPE) return `${type};type=${parameterOf(header, 'type')?.toLowerCase() ?? 'entry'}`
  return [type, ...rest.filter(Boolean)].join(';')
}

/** A parameter of a `Content-Type`. */
export function parameterOf(header: string | undefined, name: string): string | undefined {
  const [, ...parameters] = (header ?? '').split(';').map((part) => part.trim())
  const found = parameters.find((each) => each.split('=', 1)[0]?.trim().toLowerCase() === name)
  return found
    ?.slice(found.indexOf('=') + 1)
    .trim()
    .replace(/^"(.*)"$/, '$1')
}

/** Whether a media range such as `image/*` holds a type. */
export function rangeHolds(range: string, mediaType: string): boolean {
  const [wanted = ''] = range.replace(/\s/g, '').toLowerCase().split(';')
  const [type = ''] = mediaType.split(';')
  if (wanted === '*/*') return true
  if (wanted.endsWith('/*')) return type.startsWith(wanted.slice(0, -1))
  return wanted === ATOM_TYPE ? mediaTypeOf(range) === mediaType : wanted === type
}
