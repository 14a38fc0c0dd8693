import { parseArgs } from 'node:util'
import type { ChaosOptions } from './run.js'
import { isVariant, VARIANTS } from './variants.js'

export const USAGE = `pnpm chaos -- [options]

  --minutes N            how long faults are inflicted (1)
  --database NAME        postgres or mariadb (postgres)
  --seed N               of the faults; what they meet is up to the machine (from the clock)
  --processes N          at work at any time (4)
  --servers N            memcached servers (3)
  --when-cache-fails W   reject or bypass (reject)
  --variant NAME         a broken protocol, to be found wanting: ${Object.keys(VARIANTS).join(', ')}
  --programs             every other process writes within transactions of its own
  --folder PATH          for the report (chaos-reports)
  --quiet                tells of no fault`

type Arguments = ChaosOptions & { readonly folder: string; readonly quiet: boolean }

/** What was asked for, or what is to be said instead. */
export function readArguments(args: readonly string[]): Arguments | string {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    if (values.help) return USAGE
    return {
      forMs: numberOf('minutes', values.minutes, 0.01) * 60_000,
      database: oneOf('database', values.database, ['postgres', 'mariadb'] as const),
      seed: values.seed === undefined ? Date.now() % 1_000_000 : wholeOf('seed', values.seed, 0),
      processes: wholeOf('processes', values.processes, 1),
      servers: wholeOf('servers', values.servers, 1),
      whenCacheFails: oneOf('when-cache-fails', values['when-cache-fails'], ['reject', 'bypass'] as const),
      variant: variantOf(values.variant),
      programs: values.programs,
      folder: values.folder,
      quiet: values.quiet,
    }
  } catch (error) {
    return `${(error as Error).message}\n\n${USAGE}`
  }
}

const OPTIONS = {
  minutes: { type: 'string', default: '1' },
  database: { type: 'string', default: 'postgres' },
  seed: { type: 'string' },
  processes: { type: 'string', default: '4' },
  servers: { type: 'string', default: '3' },
  'when-cache-fails': { type: 'string', default: 'reject' },
  variant: { type: 'string', default: 'none' },
  folder: { type: 'string', default: 'chaos-reports' },
  programs: { type: 'boolean', default: false },
  quiet: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

function numberOf(name: string, text: string, least: number): number {
  const value = Number(text)
  if (!(value >= least && value < Infinity))
    throw new RangeError(`--${name} must be a number from ${least} on`)
  return value
}

function wholeOf(name: string, text: string, least: number): number {
  const value = numberOf(name, text, least)
  if (!Number.isSafeInteger(value)) throw new RangeError(`--${name} must be a whole number`)
  return value
}

function oneOf<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text)
  if (found === undefined) throw new RangeError(`--${name} must be ${known.join(' or ')}`)
  return found
}

function variantOf(text: string): NonNullable<ChaosOptions['variant']> {
  if (!isVariant(text)) throw new RangeError(`--variant must be one of ${Object.keys(VARIANTS).join(', ')}`)
  return text
}
