import type { RegisterOperation } from '@larder/storage-core/testing'

type Finished = RegisterOperation & { readonly end: number }

/** Tries every order of a short history of one key in which all writes are numbered and finished. */
export function isLinearizable(history: readonly RegisterOperation[]): boolean {
  return search(history as readonly Finished[], undefined, 0, 0)
}

/** `version` is of what is there, `last` of the last write, a removal perhaps. */
function search(
  left: readonly Finished[],
  value: string | undefined,
  version: number,
  last: number,
): boolean {
  if (left.length === 0) return true
  return left.some((next, i) => {
    const rest = left.filter((_, j) => j !== i)
    if (rest.some((other) => other.end < next.start)) return false
    if (next.kind === 'write') {
      const at = next.version ?? 0
      return at > last && search(rest, next.value, next.value === undefined ? 0 : at, at)
    }
    return next.value === value && (next.version ?? 0) === version && search(rest, value, version, last)
  })
}
