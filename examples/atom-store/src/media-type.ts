const ATOM_TYPE = 'application/atom+xml'

/** Of a `Content-Type`: in lower case, without parameters but for the `type` of Atom documents. */
export function mediaTypeOf(header: string | undefined): string | undefined {
  const [first = '', ...parameters] = (header ?? '').split(';')
  const type = first.trim().toLowerCase()
  if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type)) return undefined
  if (type !== ATOM_TYPE) return type
  const kind = parameters.map((each) => /^\s*type\s*=\s*"?(\w+)"?\s*$/i.exec(each)?.[1]).find(Boolean)
  // What a client posts without more words is an entry.
  return `${ATOM_TYPE};type=${kind?.toLowerCase() ?? 'entry'}`
}

/** Whether a media range such as `image/*` holds a type. */
export function rangeHolds(range: string, mediaType: string): boolean {
  const [wanted = ''] = range.replace(/\s/g, '').toLowerCase().split(';')
  if (wanted === '*/*') return true
  if (wanted.endsWith('/*')) return mediaType.startsWith(wanted.slice(0, -1))
  return wanted === ATOM_TYPE ? mediaTypeOf(range) === mediaType : wanted === mediaType
}
