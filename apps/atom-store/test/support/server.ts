import { MemoryStorage, type Storage } from '@larder/storage-core'
import { AtomStore, checkConfig, type Hooks, startServer } from 'atom-store'
import { onTestFinished } from 'vitest'

export const ENTRY = 'application/atom+xml;type=entry'
export const FEED = 'application/atom+xml;type=feed'

const KINDS = { fixed: true, scheme: 'urn:kinds', terms: [{ term: 'a', label: 'An A' }, { term: 'b' }] }

const WORKSPACES = [
  {
    title: 'Writing',
    collections: [
      { name: 'blog', title: 'Blog', categories: [{ terms: [{ term: 'news' }] }] },
      { name: 'fixed', title: 'Fixed', categories: [KINDS] },
      { name: 'mixed', title: 'Mixed', categories: [KINDS, { terms: [{ term: 'news' }] }] },
      { name: 'archive', title: 'Archive', accept: [] },
    ],
  },
  {
    title: 'Media',
    collections: [{ name: 'pictures', title: 'Pictures', accept: ['image/*', 'text/plain'] }],
  },
]

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

type HeaderMap = Readonly<Record<string, string>>
type Body = RequestInit['body']

/** One instance, and a client of it. */
export interface Instance {
  readonly url: string
  readonly store: AtomStore
  /** What the server was told to complain of. */
  readonly faults: readonly unknown[]
  call(method: string, path: string, headers?: HeaderMap, body?: Body): Promise<Answer>
  get(path: string, headers?: HeaderMap): Promise<Answer>
  post(path: string, type: string, body: Body, headers?: HeaderMap): Promise<Answer>
  put(path: string, type: string, body: Body, headers?: HeaderMap): Promise<Answer>
}

export interface InstanceOptions {
  readonly config?: Readonly<Record<string, unknown>>
  readonly hooks?: readonly Hooks[]
  /** Stays open. */
  readonly storage?: Storage
}

/** Serves on a free port for as long as the test runs. */
export async function newInstance({
  config = {},
  hooks = [],
  storage,
}: InstanceOptions = {}): Promise<Instance> {
  const checked = checkConfig({ workspaces: WORKSPACES, ...config })
  const home = storage ?? new MemoryStorage()
  const store = new AtomStore(home, checked, hooks)
  const faults: unknown[] = []
  const onFault = (error: unknown): void => void faults.push(error)
  const server = await startServer({ store, config: checked, onFault }, '127.0.0.1', 0)
  onTestFinished(async () => {
    await server[Symbol.asyncDispose]()
    if (storage === undefined) await home.shutdown()
  })
  const call: Instance['call'] = async (method, path, headers = {}, body = null) => {
    const target = path.startsWith('http') ? path : `${server.url}${path}`
    const init = body instanceof ReadableStream ? { duplex: 'half' as const } : {}
    const response = await fetch(target, { method, headers, body, ...init })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  const send =
    (method: string): Instance['post'] =>
    (path, type, body, headers = {}) =>
      call(method, path, { 'Content-Type': type, ...headers }, body)
  const get: Instance['get'] = (path, headers) => call('GET', path, headers)
  return { url: server.url, store, faults, call, get, post: send('POST'), put: send('PUT') }
}
