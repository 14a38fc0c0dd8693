interface Item {
  readonly body: string
  readonly cas: string
}

/** The items of a memcached that counts CAS numbers from 1, and what it answers to the meta commands. */
export class MetaItems {
  /** Whether a store of this key that names its own number is refused. */
  refuses: (key: string) => boolean = () => false
  /** What it is refused with. */
  refusal = 'CLIENT_ERROR invalid flag'
  readonly tooLarge = new Set<string>()
  /** Stores that changed an item. */
  executed = 0
  #items = new Map<string, Item>()
  #lastCas = 0

  /** As a restart does: nothing is left, and the numbers start again. */
  restart(): void {
    this.#items.clear()
    this.#lastCas = 0
  }

  set(key: string, body: string): void {
    this.#items.set(key, { body, cas: String(++this.#lastCas) })
  }

  answer(line: string, body: string): string {
    const [verb = '', key = '', ...words] = line.split(' ')
    const flags = new Map(words.map((word) => [word.slice(0, 1), word.slice(1)]))
    const opaque = ` O${flags.get('O') ?? ''}`
    const found = this.#items.get(key)
    if (verb !== 'mg' && verb !== 'ms' && verb !== 'ma') return 'ERROR\r\n'
    if (verb === 'mg') return found === undefined ? 'EN\r\n' : valueLine(found, opaque)
    if (flags.has('E') && this.refuses(key)) return `${this.#refusalOf(verb)}\r\n`
    if (this.tooLarge.has(key)) return 'SERVER_ERROR object too large for cache\r\n'
    if (verb === 'ma') {
      const number = found === undefined ? flags.get('J') : String(BigInt(found.body) + 1n)
      return valueLine(this.#store(key, number ?? '', flags), opaque)
    }
    const refusal = refusalOf(found, flags)
    if (refusal !== undefined) return `${refusal}${opaque}\r\n`
    const before = flags.get('M') === 'A' ? found?.body : ''
    const behind = flags.get('M') === 'P' ? found?.body : ''
    const { cas } = this.#store(key, `${before}${body}${behind}`, flags)
    return `HD c${cas}${opaque}\r\n`
  }

  /** memcached has another text for numbers. */
  #refusalOf(verb: string): string {
    return verb === 'ma' ? this.refusal.replace(/ flag$/, ' or duplicate flag') : this.refusal
  }

  #store(key: string, body: string, flags: ReadonlyMap<string, string>): Item {
    const item = { body, cas: flags.get('E') ?? String(++this.#lastCas) }
    this.#items.set(key, item)
    this.executed++
    return item
  }
}

function valueLine({ body, cas }: Item, opaque: string): string {
  return `VA ${body.length} f0 c${cas}${opaque}\r\n${body}\r\n`
}

/** Why a store is not executed. */
function refusalOf(found: Item | undefined, flags: ReadonlyMap<string, string>): string | undefined {
  const mode = flags.get('M')
  const compared = flags.get('C')
  if (compared !== undefined && found === undefined) return 'NF'
  if (compared !== undefined && found?.cas !== compared) return 'EX'
  if (mode === 'E' && found !== undefined) return 'NS'
  return mode !== undefined && mode !== 'E' && found === undefined ? 'NS' : undefined
}
