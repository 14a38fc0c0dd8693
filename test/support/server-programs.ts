import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { expect, onTestFinished } from 'vitest'
import { blocksOf } from './snippets.js'

/** A server in a page, and what its reader is to enter, in order. */
export interface ServerPage {
  /** Sets the project up. */
  readonly install: readonly string[]
  /** The last one starts the server. */
  readonly build: readonly string[]
  readonly requests: readonly string[]
  /** What the requests print. */
  readonly output: string
}

export function serverPage(markdown: string): ServerPage {
  const blocks = blocksOf(markdown)
  const linesOf = (start: RegExp): string[] => {
    const block = blocks.find(({ language, text }) => language === 'sh' && start.test(text))
    if (block === undefined) throw new Error(`The page has no commands that match ${start}`)
    return block.text.split('\n')
  }
  const answers = blocks.findIndex(({ text }) => text.startsWith('curl '))
  return {
    install: linesOf(/^npm init/),
    build: linesOf(/^npx tsc/),
    requests: linesOf(/^curl /),
    output: blocks[answers + 1]?.text ?? '',
  }
}

/** Starts a server, does what the page says, and stops the server by a signal. Fails where anything is not as it says. */
export async function visit(program: string, cwd: string, env: NodeJS.ProcessEnv, page: ServerPage) {
  const server = spawn(process.execPath, [program], { cwd, env: { ...env, PORT: '0' } })
  onTestFinished(() => void server.kill('SIGKILL'))
  const exited = once(server, 'exit')
  let [output, errors] = ['', '']
  server.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  server.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  await expect
    .poll(() => [output, errors, server.exitCode])
    .toEqual([expect.stringMatching(/^http:\S+\n/), '', null])
  const { port } = new URL(output.trim())
  let answers = ''
  for (const line of page.requests) {
    const answer = await request(line.replace(':3000', `:${port}`))
    if (answer !== '') answers += `${answer}\n`
  }
  expect(answers.trimEnd()).toBe(page.output)
  server.kill('SIGTERM')
  expect([await exited, errors]).toEqual([[0, null], ''])
}

/** What curl does with these arguments. A connection is kept open, as those of most clients are. */
async function request(line: string): Promise<string> {
  const parts = /^curl (?<url>\S+)(?: -H '(?<name>[\w-]+): (?<value>[^']*)' -d '(?<body>[^']*)')?$/.exec(
    line,
  )?.groups
  if (parts?.['url'] === undefined) throw new Error(`No request: ${line}`)
  const { url, name, value = '', body } = parts
  const init = name === undefined ? {} : { method: 'POST', headers: { [name]: value }, body }
  const response = await fetch(url, init as RequestInit)
  expect(response.ok).toBe(true)
  return response.text()
}

const run = promisify(execFile)

/** Runs a line as a shell does. */
export async function shell(line: string, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  try {
    return (await run('sh', ['-c', line], { cwd, env })).stdout
  } catch (cause) {
    const { stdout, stderr } = cause as { stdout: string; stderr: string }
    throw new Error(`${line}\n${stdout}${stderr}`, { cause })
  }
}
