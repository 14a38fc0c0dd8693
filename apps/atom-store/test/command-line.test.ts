import { checkConfig, ConfigError } from 'atom-store'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, type TestContext, vi } from 'vitest'
import { titlesOf } from './support/documents.js'
import { runProgram, startProgram } from './support/program.js'

// Each starts processes, which takes its time on a machine that is busy.
vi.setConfig({ testTimeout: 300_000 })

const WORKSPACES = [{ title: 'W', collections: [{ name: 'notes', title: 'Notes' }] }]

async function newFolder({ onTestFinished }: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'larder-atom-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function newFile(context: TestContext, name: string, text: string): Promise<string> {
  const file = join(await newFolder(context), name)
  await writeFile(file, text)
  return file
}

describe.concurrent('what makes no sense ends with exit code 2', () => {
  test('arguments', async () => {
    const cases = [
      [['--wrong'], "Unknown option '--wrong'"],
      [['--port', '65536'], '--port 65536 is no port'],
      [['--config', ''], '--config is empty'],
      [['--hash-password'], 'There is no password on the standard input'],
    ] as const
    const outcomes = await Promise.all(cases.map(([args]) => runProgram(args)))
    for (const [index, [, stderr]] of cases.entries()) {
      const expected = { code: 2, stdout: '', stderr: expect.stringContaining(stderr) as string }
      expect(outcomes[index]).toEqual(expected)
    }
  })

  test('a configuration that cannot be read, or used', async (context) => {
    const missing = await runProgram(['--config', '/nowhere/config.json'])
    expect([missing.code, missing.stderr]).toEqual([
      2,
      expect.stringMatching(/^\/nowhere\/config.json cannot be read: .+\n/),
    ])
    const file = await newFile(
      context,
      'config.json',
      JSON.stringify({ workspaces: WORKSPACES, pageSize: 0 }),
    )
    const wrong = await runProgram(['--config', file])
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('pageSize')])
  })
})

test.each([
  [{}, 'workspaces'],
  [{ workspaces: [] }, 'workspaces'],
  [{ workspaces: WORKSPACES, unknown: 1 }, 'unknown'],
  [{ workspaces: [...WORKSPACES, ...WORKSPACES] }, 'notes is there twice'],
  [{ workspaces: [{ title: 'W', collections: [{ name: '../x', title: 'X' }] }] }, 'a-z'],
  [{ workspaces: [{ title: 'W', collections: [{ name: 'service', title: 'X' }] }] }, 'address of the server'],
  [
    { workspaces: [{ title: 'W', collections: [{ name: 'x', title: 'X', accept: ['png'] }] }] },
    'media range',
  ],
  [{ workspaces: WORKSPACES, auth: { users: [{ name: 'ann', password: 'plain' }] } }, 'password'],
  [{ workspaces: WORKSPACES, baseUrl: 'ftp://example.org' }, 'baseUrl'],
])('the configuration %j is refused', (config, message) => {
  expect(() => checkConfig(config)).toThrow(ConfigError)
  expect(() => checkConfig(config)).toThrow(message)
})

test.concurrent('--help prints the usage', async () => {
  const { code, stdout, stderr } = await runProgram(['--help'])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('MEMCACHE_SERVERS')
  expect(stdout).not.toMatch(/^.{81}/m)
})

test.concurrent(
  'a password that was hashed lets its user in, and hooks come from a module',
  async (context) => {
    const { code, stdout } = await runProgram(['--hash-password'], 's\u{e9}same\n')
    expect(code).toBe(0)
    const hooks = await newFile(
      context,
      'hooks.mjs',
      "export default [{ beforeCreate: ({ entry, user }) => entry.xml.replace('</title>', ` by ${user}</title>`) }]",
    )
    const users = [{ name: 'ann', password: stdout.trim() }]
    const config = await newFile(
      context,
      'config.json',
      JSON.stringify({ workspaces: WORKSPACES, auth: { users }, hooks }),
    )
    const program = await startProgram(['--config', config], {
      env: { PATH: '' },
      onFinished: context.onTestFinished,
    })
    const [url = ''] = program.urls
    const post = (password: string) =>
      fetch(`${url}/notes`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/atom+xml',
          Authorization: `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`,
        },
        body: '<entry xmlns="http://www.w3.org/2005/Atom"><title>Note</title></entry>',
      })
    expect((await post('wrong')).status).toBe(401)
    expect((await post('s\u{e9}same')).status).toBe(201)
    expect(titlesOf(await (await fetch(`${url}/notes`)).text())).toEqual(['Note by ann'])
  },
)

test.concurrent(
  'the program starts with sample entries and keeps new ones in its folder',
  async (context) => {
    const folder = await newFolder(context)
    const onFinished = context.onTestFinished
    const first = await startProgram(['--data', folder], { onFinished })
    const feed = await (await fetch(`${first.urls[0] ?? ''}/journal`)).text()
    expect(titlesOf(feed)).toEqual(['Things to mend', 'The night train to Vienna', 'Rye bread with plums'])
    expect(titlesOf(await (await fetch(`${first.urls[0] ?? ''}/archive`)).text())).toEqual(['The first page'])
    expect(titlesOf(await (await fetch(`${first.urls[0] ?? ''}/pictures`)).text())).toEqual([
      'A jar of plums',
    ])
    expect(await first.end('SIGTERM')).toBe(143)
    const second = await startProgram(['--data', folder], { onFinished })
    const again = await (await fetch(`${second.urls[0] ?? ''}/journal`)).text()
    expect(titlesOf(again)).toEqual(titlesOf(feed))

    // A second process would have another cache, and never hear of what this one writes.
    const refused = await runProgram(['--data', folder, '--port', '0'])
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('MEMCACHE_SERVERS')])
    expect(refused.stdout).toContain('another process has this database: waiting')
  },
)
