import { type ItemKind, kindOf } from './coverage.js'
import type { StoreRequest } from './item-store.js'

/** By what the content takes the place of; of another content, where that is past its time. */
const COMPARED: Readonly<Partial<Record<ItemKind, string>>> = {
  lease: 'fill',
  mark: 'install',
  // A server that does not find what was compared cannot know.
  piece: 'fill or install',
}

/**
 * What a store is for, told by what is stored and, for a compare-and-set, by the flags of what it is to replace;
 * undefined: by nothing.
 */
export function storeStep(request: Pick<StoreRequest, 'flags' | 'value'>, replaced?: number): string {
  const kind = kindOf(request)
  switch (kind) {
    case 'value':
    case 'split':
    case 'absent':
      return replaced === undefined ? 'store' : (COMPARED[kindOf({ flags: replaced })] ?? 'refresh')
    case 'lease':
      return 'lease'
    case 'mark':
      return replaced === undefined ? 'mark' : 'mark over'
    case 'head': {
      const [state, , chunks] = Buffer.from(request.value).toString('latin1').split(' ')
      if (state === 'leased') return 'lease the head'
      if (state === 'ready') return 'publish the head'
      return chunks === '0' ? 'open the head' : 'keep the head'
    }
    case 'log':
      return 'open logs'
    case 'names':
      return 'store names'
    default:
      return 'store pieces'
  }
}

/** What a deletion is for: by the flags of what it is to take away; undefined: whatever stands there. */
export function deletionStep(removed: number | undefined): string {
  if (removed === undefined) return 'drop'
  switch (kindOf({ flags: removed })) {
    case 'head':
      return 'clear the head'
    case 'mark':
      return 'release the mark'
    case 'lease':
      return 'release or clear a lease'
    default:
      return 'clear'
  }
}
