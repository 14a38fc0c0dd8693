import { StorageError } from '@larder/storage-core'
import { inWaves } from '../coherence/index.js'

/**
 * A server did not confirm an invalidation (`E_NOT_INVALIDATED`). What was committed before stays committed, and older
 * results may still be read until their time to live is over. `cause` is the first failure.
 */
export class InvalidationError<Target> extends StorageError {
  protected static override readonly errorName: string = 'InvalidationError'
  /** What was not confirmed, to be invalidated again. Empty for `clear()`. */
  readonly targets: readonly Target[]

  constructor(targets: readonly Target[], cause: unknown) {
    const what = targets.length === 0 ? 'clear()' : `the invalidation of ${targets.map(describe).join(', ')}`
    super('E_NOT_INVALIDATED', `The cache did not confirm ${what}`, { cause })
    this.targets = targets
  }
}

/** Runs `renew` for all targets, and rejects with those that failed once all are done. */
export async function invalidateAll<Target>(
  targets: readonly Target[],
  renew: (target: Target) => Promise<void>,
): Promise<void> {
  const failures = new Map<Target, unknown>()
  await inWaves(targets, (target) =>
    renew(target).catch((error: unknown) => void failures.set(target, error)),
  )
  if (failures.size > 0) throw new InvalidationError([...failures.keys()], [...failures.values()][0])
}

function describe(target: unknown): string {
  return JSON.stringify(target)
}
