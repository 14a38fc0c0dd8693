import { messageOf, runProgram } from '@larder/example-environment'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { HELP, parseCommand, UsageError } from './command-line.js'
import { hashPassword } from './http/index.js'
import { run } from './run.js'

await runProgram(async ({ args, env, signal, print }) => {
  const command = parseCommand(args, env)
  if (command.help) return print(HELP)
  if (command.hashPassword) return print(await hashPassword(await firstLine(), randomBytes(16)))
  const complain = (error: unknown): void => void process.stderr.write(`${messageOf(error)}\n`)
  await run(command, { env, signal, say: print, complain })
})

async function firstLine(): Promise<string> {
  for await (const line of createInterface(process.stdin)) return line
  throw new UsageError('There is no password on the standard input')
}
