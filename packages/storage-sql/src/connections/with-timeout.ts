import { withDeadline } from '@larder/storage-core/driver'
import { noAnswer } from '../sql-errors.js'

/** Rejects with `E_TIMEOUT`, in doubt, where `work` takes longer; its result is then ignored. */
export async function withTimeout<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
  const late = () => noAnswer(`${what} took longer than ${limitMs} ms`)
  return withDeadline(work, performance.now() + limitMs, late)
}
