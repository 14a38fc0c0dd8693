/** The JSON of each property of a session. */
export type SessionParts = ReadonlyMap<string, string>

/** Every request changes it, and no program counts on it. */
const COOKIE = 'cookie'

export function sessionParts(session: object): SessionParts {
  const plain = JSON.parse(JSON.stringify(session)) as Readonly<Record<string, unknown>>
  return new Map(Object.entries(plain).map(([name, value]) => [name, JSON.stringify(value)]))
}

export function textOf(parts: SessionParts): string {
  return `{${Array.from(parts, ([name, json]) => `${JSON.stringify(name)}:${json}`).join()}}`
}

/**
 * What is stored now, with what a request changed since it had read `base`. `isConflict`: somebody else has changed
 * it since, apart from its cookie.
 */
export function mergeSession(
  base: SessionParts,
  own: SessionParts,
  stored: SessionParts,
): { readonly parts: SessionParts; readonly isConflict: boolean } {
  const names = new Set([...base.keys(), ...own.keys(), ...stored.keys()])
  const parts = new Map<string, string>()
  let isConflict = false
  for (const name of names) {
    const isOwn = own.get(name) !== base.get(name)
    isConflict ||= name !== COOKIE && stored.get(name) !== base.get(name)
    const json = isOwn ? own.get(name) : stored.get(name)
    if (json !== undefined) parts.set(name, json)
  }
  return { parts, isConflict }
}
