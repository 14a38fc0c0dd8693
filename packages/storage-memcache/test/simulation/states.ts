import type { Coverage } from './coverage.js'

const VALUES = [
  'value',
  'old value',
  'split',
  'old split',
  'absent',
  'old absent',
  'absent of unknown age',
] as const
const STATES = {
  part: ['no part', ...VALUES, 'lease', 'mark'],
  head: ['no head', 'leased', 'building', 'ready'],
  log: ['no log', 'log'],
  names: ['no names', 'names'],
  piece: ['no piece', 'piece'],
  /** Where one reader says that it reads anew: a lease beside a value past its time. */
  refresh: ['no refresh lock'],
} as const

type Kind = keyof typeof STATES

/** What each step is done to. */
const COMMANDS: Readonly<Record<string, readonly Kind[]>> = {
  'reader: look': ['part', 'piece'],
  'reader: lease': ['part', 'refresh'],
  'reader: fill': ['part'],
  'reader: refresh': ['part'],
  'reader: store pieces': ['piece'],
  'reader: clear': ['part'],
  'reader: release or clear a lease': ['part', 'refresh'],
  'writer: look': ['part', 'head'],
  'writer: mark': ['part'],
  'writer: mark over': ['part'],
  'writer: store pieces': ['piece'],
  'writer: install': ['part'],
  'writer: clear': ['part'],
  'writer: release or clear a lease': ['part'],
  'writer: release the mark': ['part'],
  'writer: drop': ['part'],
  'writer: append': ['log'],
  'writer: clear the head': ['head'],
  'relay: look': ['part', 'head'],
  'relay: clear': ['part'],
  'relay: release or clear a lease': ['part'],
  'relay: mark over': ['part'],
  'relay: clear the head': ['head'],
  'lister: look': ['head', 'log', 'names'],
  'lister: lease the head': ['head'],
  'lister: open logs': ['log'],
  'lister: open the head': ['head'],
  'lister: keep the head': ['head'],
  'lister: store names': ['names'],
  'lister: publish the head': ['head'],
  'lister: clear the head': ['head'],
}
const NO_ANSWER = 'no answer'
const READ = 'database: read (reader)'
const COMMIT = 'database: commit'
const LOSSES = ['evict', 'expire', 'restart']
const BREAKS = ['crash', 'stop']

interface Impossible {
  readonly step: RegExp
  readonly state: RegExp
  readonly why: string
}

const IMPOSSIBLE: readonly Impossible[] = [
  {
    step: /: (?:open logs|store names|store pieces)$/,
    state: /^(?:log|names|piece)$/,
    why: 'they are stored under names that nobody has used before',
  },
]

/** Whoever it is that does them, the steps of the protocol. */
export const STEPS = Object.freeze([...Object.keys(COMMANDS), READ, COMMIT])

export interface Cell {
  readonly step: string
  readonly state: string
  readonly times: number
  /** Why it cannot be met, where that is so. */
  readonly why: string | undefined
}

/** All combinations of a step and a state that could be thought of, with how often they were met. */
export function cellsOf(coverage: Coverage): Cell[] {
  const cells = new Map<string, Cell>()
  const expect = (step: string, states: readonly string[]) => {
    for (const state of states) {
      const why = IMPOSSIBLE.find((rule) => rule.step.test(step) && rule.state.test(state))?.why
      cells.set(`${step}|${state}`, { step, state, times: coverage.count(step, state), why })
    }
  }
  for (const [step, kinds] of Object.entries(COMMANDS)) {
    expect(step, [...kinds.flatMap((kind) => STATES[kind]), NO_ANSWER])
  }
  expect(READ, STATES.part)
  expect(COMMIT, STATES.part)
  for (const step of LOSSES) {
    expect(
      step,
      Object.values(STATES).flatMap((states) => states.filter((state) => !state.startsWith('no '))),
    )
  }
  for (const step of BREAKS)
    expect(
      step,
      Object.keys(COMMANDS).flatMap((name) => [name, `${name}, answered`]),
    )
  for (const [name, times] of coverage.cells()) {
    const [step = '', state = ''] = name.split('|')
    if (!cells.has(name)) cells.set(name, { step, state, times, why: undefined })
  }
  return [...cells.values()]
}

/** The states that each step met, and those that it never met although it could. */
export function describeCoverage(coverage: Coverage): string {
  const cells = cellsOf(coverage)
  const steps = [...new Set(cells.map(({ step }) => step))].sort()
  const lines = steps.flatMap((step) => {
    const own = cells.filter((cell) => cell.step === step)
    const met = own.filter(({ times }) => times > 0).sort((a, b) => b.times - a.times)
    const never = own.filter(({ times, why }) => times === 0 && why === undefined)
    const told = met.map(({ state, times }) => `${state} ${times.toLocaleString('en')}`).join(' · ')
    return [
      `${step}: ${told || 'never done'}`,
      ...(never.length === 0 ? [] : [`    never: ${never.map(({ state }) => state).join(' · ')}`]),
    ]
  })
  const known = cells.filter(({ why }) => why === undefined)
  const met = known.filter(({ times }) => times > 0).length
  return [...lines, '', `${met} of ${known.length} combinations of a step and a state were met.`].join('\n')
}
