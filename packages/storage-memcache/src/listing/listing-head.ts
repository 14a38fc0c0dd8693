import type { CacheItem } from '@larder/memcached'
import { kindOf } from '../coherence/index.js'

/** The root of a cached listing. What else belongs to it stands under keys of its generation. */
export interface Head {
  /** Never used twice, so that nothing of before can be taken for something of now. */
  readonly generation: string
  /** `leased`: somebody is about to build. `building`: writers log, the storage behind is being read. */
  readonly state: 'leased' | 'building' | 'ready'
  /** Over how many logs the entries of writers are spread. */
  readonly logs: number
  /** How many chunks of names were read from the storage behind, and how many names are in them. */
  readonly chunks: number
  readonly members: number
}

const STATES: readonly Head['state'][] = ['leased', 'building', 'ready']

export function encodeHead({ generation, state, logs, chunks, members }: Head): Buffer {
  return Buffer.from(`${state} ${logs} ${chunks} ${members} ${generation}`, 'latin1')
}

export function decodeHead(item: CacheItem | undefined): Head | undefined {
  if (item === undefined || kindOf(item) !== 'head') return undefined
  const [word, logs, chunks, members, generation] = item.value.toString('latin1').split(' ')
  const state = STATES.find((known) => known === word)
  if (state === undefined || generation === undefined || !(Number(logs) >= 1)) return undefined
  return { generation, state, logs: Number(logs), chunks: Number(chunks), members: Number(members) }
}

export function logKey(headKey: string, { generation }: Head, index: number): string {
  return `${headKey}/${generation}/l${index}`
}

export function logKeys(headKey: string, head: Head): string[] {
  return Array.from({ length: head.logs }, (_, i) => logKey(headKey, head, i))
}

export function chunkKey(headKey: string, { generation }: Head, index: number): string {
  return `${headKey}/${generation}/${index}`
}
