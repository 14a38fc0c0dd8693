/** `pnpm chaos -- --minutes 5 --database postgres --seed 7`: see CONTRIBUTING.md. */
import { ensureServers } from '@larder/dev-servers'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readArguments, USAGE } from './arguments.js'
import { historyText, reportOf, textOf } from './report.js'
import { chaos } from './run.js'

const write = (text: string): boolean => process.stdout.write(`${text}\n`)

async function main(args: readonly string[]): Promise<number> {
  const read = readArguments(args)
  if (typeof read === 'string') {
    write(read)
    return read === USAGE ? 0 : 2
  }
  const { folder, quiet, ...options } = read
  ensureServers()
  const result = await chaos({ ...options, log: quiet ? () => undefined : write })
  const report = reportOf(result)
  mkdirSync(folder, { recursive: true })
  const name = join(folder, `chaos-${options.database}-${options.seed}`)
  writeFileSync(`${name}.json`, `${JSON.stringify(report, undefined, 2)}\n`)
  write(`\n${textOf(report)}\n`)
  if (result.verdict.violations.length === 0) return 0
  writeFileSync(`${name}.txt`, historyText(result))
  const operations = result.history.operations.map((operation) => JSON.stringify(operation))
  writeFileSync(`${name}.jsonl`, `${operations.join('\n')}\n`)
  write(`What is wrong is in ${name}.txt, and all that was done in ${name}.jsonl`)
  return 1
}

process.exitCode = await main(process.argv.slice(process.argv[2] === '--' ? 3 : 2))
