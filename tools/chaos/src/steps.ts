/** Where a process can be made to die or to stand still, in the order in which a write comes by. */
export const WRITER_STEPS = [
  'before the transaction',
  'before the mark',
  'mark sent',
  'after the mark',
  'before the commit',
  'commit sent',
  'after the commit',
  'before the listing is told',
  'after the listing is told',
  'before the install',
  'install sent',
  'after the install',
  'before the settling',
  'after the settling',
] as const

export const READER_STEPS = ['after the lease', 'before the fill', 'fill sent', 'after the fill'] as const

const RELAY_STEPS = ['relay has rows', 'relay is done'] as const

export const STEPS = [...WRITER_STEPS, ...READER_STEPS, ...RELAY_STEPS] as const

export type Step = (typeof STEPS)[number]

export type StepAction = 'die' | 'stop'

/** What a process is to do when it comes to a step; once. */
export interface Order {
  readonly step: Step
  readonly action: StepAction
}

/** Told of each step that a process comes to. */
export type AtStep = (step: Step) => void
