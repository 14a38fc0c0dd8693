/** Answers of `stats` in the shapes of npm `memcached`. */
export type Statistics = Record<string, unknown>

type StatTopic = '' | 'settings' | 'slabs' | 'items'

/** One server's statistics. An empty answer is an empty object, without the server's name. */
export function statisticsOf(
  topic: StatTopic,
  server: string,
  stats: ReadonlyMap<string, string>,
): Statistics {
  const result: Statistics = {}
  if (stats.size === 0) return result
  result['server'] = server
  for (const [name, text] of stats) {
    const value = /^\d+$/.test(text) ? Number(text) : text
    const parts = name.split(':')
    if (topic === 'slabs') nest(result, parts[0], parts[1], value)
    else if (topic === 'items') nest(result, parts[1], parts[2], value)
    else result[name] = value
  }
  return result
}

/** `active_slabs` and its like have no second part, and are put under `undefined`, as there. */
function nest(result: Statistics, group: string | undefined, name: string | undefined, value: unknown): void {
  const members = (result[String(group)] ??= {}) as Statistics
  members[String(name)] = value
}

/** What `version` answers for each server. */
export interface ServerVersion {
  readonly server: string
  readonly version: string
  readonly major: string | number
  readonly minor: string | number
  readonly bugfix: string | number
}

export function versionOf(server: string, text: string): ServerVersion {
  const [version = text, major = 0, minor = 0, bugfix = 0] = /(\d+)\.(\d+)\.(\d+)/.exec(text) ?? []
  return { server, version, major, minor, bugfix }
}

/** One item of `cachedump`: its key, its bytes, and when it expires as a Unix time. */
export interface DumpedItem {
  readonly key: string
  readonly b: number
  readonly s: number
}

/** From lines such as `key [5 b; 1700000000 s]`. Several items are a list, one is an object, none is undefined. */
export function dumpOf(items: ReadonlyMap<string, string>): DumpedItem | DumpedItem[] | undefined {
  const list = Array.from(items, ([key, text]) => {
    const [, bytes, seconds] = /^\[(\d+) b; (\d+) s\]$/.exec(text) ?? []
    return { key, b: Number(bytes), s: Number(seconds) }
  })
  return list.length > 1 ? list : list[0]
}
