import { noAnswer } from '../sql-errors.js'

/** Rejects with `E_TIMEOUT`, in doubt, where `work` takes longer; it goes on unheard. */
export async function within<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(noAnswer(`${what} took longer than ${limitMs} ms`))
    }, limitMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    // What comes after its time has no listener left.
    work.catch(() => undefined)
  }
}
