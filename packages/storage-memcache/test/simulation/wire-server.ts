import type { ItemStore } from './item-store.js'
import type { SimServer } from './sim-server.js'
import { deletionStep, storeStep } from './steps.js'

const CRLF = '\r\n'
/** Which word of a command with a value is its size. */
const SIZE_PLACES: ReadonlyMap<string, number> = new Map([
  ['ms', 2],
  ...['set', 'add', 'replace', 'append', 'prepend', 'cas'].map((verb) => [verb, 4] as const),
])
/** What a conditional deletion says in classic text: the item expires at once. */
const LONG_PAST = '2592001'

/** One connection to a simulated memcached: the commands of the text protocol that the library sends. */
export class WireSession {
  readonly #server: SimServer
  readonly #who: string
  readonly #version: string
  #bytes: Buffer = Buffer.alloc(0)

  constructor(server: SimServer, who: string, version: string) {
    this.#server = server
    this.#who = who
    this.#version = version
  }

  /** Takes bytes as they arrive, cut anywhere, and answers what is whole. */
  receive(chunk: Buffer, isLate: boolean): Buffer {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    const replies: Buffer[] = []
    for (;;) {
      const lineEnd = this.#bytes.indexOf(CRLF)
      if (lineEnd < 0) return Buffer.concat(replies)
      const words = this.#bytes.toString('latin1', 0, lineEnd).trimEnd().split(' ')
      const place = SIZE_PLACES.get(words[0] ?? '')
      const size = place === undefined ? 0 : Number(words[place]) + CRLF.length
      const end = lineEnd + CRLF.length + size
      if (this.#bytes.length < end) return Buffer.concat(replies)
      const value = this.#bytes.subarray(lineEnd + CRLF.length, Math.max(end - CRLF.length, lineEnd))
      replies.push(this.#answer(words, Buffer.from(value), isLate))
      this.#bytes = this.#bytes.subarray(end)
    }
  }

  #answer([verb = '', key = '', ...rest]: string[], value: Buffer, isLate: boolean): Buffer {
    switch (verb) {
      case 'mn':
        return Buffer.from(`MN${CRLF}`)
      case 'version':
        return Buffer.from(`VERSION ${this.#version}${CRLF}`)
      // The question that a client asks a proxy.
      case 'get':
        return Buffer.from(`END${CRLF}`)
      case 'gets':
        return this.#gets([key, ...rest], isLate)
      case 'mg':
        return this.#get(key, flagsIn(rest), isLate)
      case 'ms':
        return this.#set(key, flagsIn(rest.slice(1)), value, isLate)
      case 'md':
        return this.#delete(key, flagsIn(rest), isLate)
      case 'delete':
        return Buffer.from(`${CLASSIC[this.#remove(key, undefined, isLate)]}${CRLF}`)
      case 'touch':
        return this.#touch(key, Number(rest[0]), isLate)
      case 'cas':
        return this.#cas(key, rest, value, isLate)
      case 'set':
      case 'add':
      case 'replace':
      case 'append':
      case 'prepend':
        return this.#storeClassic(verb, key, rest, value, isLate)
      default:
        throw new Error(`The simulated server knows no ${verb}`)
    }
  }

  #run<T>(step: string, keys: readonly string[], isLate: boolean, execute: (store: ItemStore) => T): T {
    return this.#server.execute({ who: this.#who, step: `wire: ${step}`, keys, isLate, execute })
  }

  #gets(keys: readonly string[], isLate: boolean): Buffer {
    const lines = this.#run('look', keys, isLate, (store) =>
      keys.flatMap((key) => {
        const item = store.get(key)
        if (item === undefined) return []
        const { value, flags, cas } = item
        return [Buffer.from(`VALUE ${key} ${flags} ${value.length} ${cas}${CRLF}`), value, Buffer.from(CRLF)]
      }),
    )
    return Buffer.concat([...lines, Buffer.from(`END${CRLF}`)])
  }

  #get(key: string, flags: Flags, isLate: boolean): Buffer {
    const exptime = flags.get('T')
    const item = this.#run(exptime === undefined ? 'look' : 'touch', [key], isLate, (store) => {
      if (exptime !== undefined) store.touch(key, Number(exptime))
      return store.get(key)
    })
    if (item === undefined) return Buffer.from(`EN${CRLF}`)
    if (!flags.has('v'))
      return Buffer.from(`HD${flags.has('c') ? ` f${item.flags} c${item.cas}` : ''}${opaqueOf(flags)}${CRLF}`)
    const line = `VA ${item.value.length} f${item.flags} c${item.cas}${opaqueOf(flags)}${CRLF}`
    return Buffer.concat([Buffer.from(line), item.value, Buffer.from(CRLF)])
  }

  #set(key: string, flags: Flags, value: Buffer, isLate: boolean): Buffer {
    const own = flags.get('E')
    const request = {
      ...{ value, flags: Number(flags.get('F') ?? 0), exptime: Number(flags.get('T') ?? 0) },
      ownCas: own === undefined ? undefined : Number(own),
    }
    const mode = flags.get('M')
    const compared = flags.get('C')
    const found = this.#server.store.get(key)
    const replaced = compared === undefined ? undefined : (found?.flags ?? 0)
    const isJoined = mode === 'A' || mode === 'P'
    const code = this.#run(isJoined ? 'append' : storeStep(request, replaced), [key], isLate, (store) => {
      if (isJoined) return store.join(key, value, mode === 'A' ? 'end' : 'front') === 'stored' ? 'HD' : 'NS'
      if (compared !== undefined) return codeOf(store.cas(key, request, Number(compared)))
      const isThere = store.get(key) !== undefined
      if ((mode === 'E' && isThere) || (mode === 'R' && !isThere)) return 'NS'
      return `HD c${store.set(key, request)}`
    })
    return Buffer.from(`${code}${opaqueOf(flags)}${CRLF}`)
  }

  #delete(key: string, flags: Flags, isLate: boolean): Buffer {
    const result = this.#remove(key, flags.get('C'), isLate)
    const code = { deleted: 'HD', exists: 'EX', 'not-found': 'NF' }[result]
    return Buffer.from(`${code}${opaqueOf(flags)}${CRLF}`)
  }

  #remove(key: string, compared: string | undefined, isLate: boolean): 'deleted' | 'exists' | 'not-found' {
    const item = this.#server.store.get(key)
    const step = deletionStep(compared === undefined ? undefined : (item?.flags ?? 0))
    return this.#run(step, [key], isLate, (store) =>
      store.delete(key, compared === undefined ? undefined : Number(compared)),
    )
  }

  #touch(key: string, exptime: number, isLate: boolean): Buffer {
    const isThere = this.#run('touch', [key], isLate, (store) => store.touch(key, exptime))
    return Buffer.from(`${isThere ? 'TOUCHED' : 'NOT_FOUND'}${CRLF}`)
  }

  #cas(key: string, rest: readonly string[], value: Buffer, isLate: boolean): Buffer {
    const [flags = '', exptime = '', , compared = ''] = rest
    if (exptime === LONG_PAST) {
      const result = this.#remove(key, compared, isLate)
      return Buffer.from(`${result === 'deleted' ? 'STORED' : CLASSIC[result]}${CRLF}`)
    }
    const request = { value, flags: Number(flags), exptime: Number(exptime) }
    const replaced = this.#server.store.get(key)?.flags ?? 0
    const result = this.#run(storeStep(request, replaced), [key], isLate, (store) =>
      store.cas(key, request, Number(compared)),
    )
    return Buffer.from(`${typeof result === 'number' ? 'STORED' : CLASSIC[result]}${CRLF}`)
  }

  #storeClassic(
    verb: string,
    key: string,
    [flags, exptime]: readonly string[],
    value: Buffer,
    isLate: boolean,
  ): Buffer {
    const request = { value, flags: Number(flags), exptime: Number(exptime) }
    const isJoined = verb === 'append' || verb === 'prepend'
    const isStored = this.#run(isJoined ? 'append' : storeStep(request), [key], isLate, (store) => {
      if (isJoined) return store.join(key, value, verb === 'append' ? 'end' : 'front') === 'stored'
      const isThere = store.get(key) !== undefined
      if ((verb === 'add' && isThere) || (verb === 'replace' && !isThere)) return false
      store.set(key, request)
      return true
    })
    return Buffer.from(`${isStored ? 'STORED' : 'NOT_STORED'}${CRLF}`)
  }
}

const CLASSIC = Object.freeze({ deleted: 'DELETED', exists: 'EXISTS', 'not-found': 'NOT_FOUND' })

type Flags = ReadonlyMap<string, string>

function flagsIn(words: readonly string[]): Flags {
  return new Map(words.map((word) => [word.slice(0, 1), word.slice(1)]))
}

function opaqueOf(flags: Flags): string {
  const opaque = flags.get('O')
  return opaque === undefined ? '' : ` O${opaque}`
}

function codeOf(result: number | 'exists' | 'not-found'): string {
  return typeof result === 'number' ? `HD c${result}` : result === 'exists' ? 'EX' : 'NF'
}
