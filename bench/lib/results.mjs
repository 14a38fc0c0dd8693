// Where results go, and on what machine they came about.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Results that are kept with the code, unless the variable names another folder. */
export const RESULTS = process.env['BENCH_RESULTS'] ?? fileURLToPath(new URL('../results', import.meta.url))

export function write(name, text) {
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(join(RESULTS, name), text)
}

/** A part of the report; for its shape see bench/README.md. */
export function writePart(name, part) {
  write(`${name}.json`, `${JSON.stringify({ machine: machine(), ...part }, undefined, 2)}\n`)
}

export function machine() {
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    cpu: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release().split('-')[0]}`,
    node: process.version,
  }
}

/** The same as a sentence. */
export function machineText({ date, cpu, memoryGiB, system, node } = machine()) {
  return `${date}, ${cpu}, ${memoryGiB} GiB, ${system}, Node ${node}`
}

/** What a program says of its version; undefined where it is not installed. */
export function versionOf(program, args = ['--version']) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}
