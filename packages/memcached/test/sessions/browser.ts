/** A client that keeps its cookie, as a browser does. */
export class Browser {
  readonly #url: string
  cookie: string | undefined

  constructor(url: string) {
    this.#url = url
  }

  async get(path: string): Promise<{ readonly status: number; readonly body: unknown }> {
    const headers = this.cookie === undefined ? {} : { cookie: this.cookie }
    const response = await fetch(this.#url + path, { headers })
    const [cookie] = response.headers.getSetCookie()
    if (cookie !== undefined) this.cookie = cookie.split(';')[0]
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as unknown) : text }
  }
}

/** Lets requests read their session before any of them goes on. */
export class Gate {
  #arrived = 0
  #open: () => void = () => {}
  readonly #opened = new Promise<void>((resolve) => (this.#open = resolve))
  readonly #count: number

  constructor(count: number) {
    this.#count = count
  }

  get arrived(): number {
    return this.#arrived
  }

  /** Waits until as many have arrived as the gate counts, or until it is opened. */
  pass(): Promise<void> {
    if (++this.#arrived === this.#count) this.#open()
    return this.#opened
  }

  open(): void {
    this.#open()
  }
}
