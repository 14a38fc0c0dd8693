import { notAllowed, wrongType } from '@larder/storage-core/base'

const THIRTY_DAYS_SECONDS = 60 * 60 * 24 * 30
const MAX_EXPTIME = 0x7fff_ffff

/**
 * A time to live as the seconds that go over the wire; 0 stands for ever, as do undefined and `Infinity` here.
 *
 * Rounded up to whole seconds plus one, because a server counts ticks of its own clock: an item of N seconds may
 * vanish after little more than N - 1. More than 30 days would be read as a Unix time (protocol.txt, "Expiration
 * times"), so that such a time to live is sent as one. Refuses zero and less with a `RangeError`, and what is no number with a `TypeError`.
 */
export function exptimeOf(ttlMs: number | undefined, nowMs: () => number = Date.now): number {
  if (ttlMs === undefined || ttlMs === Infinity) return 0
  if (typeof ttlMs !== 'number') throw wrongType('ttlMs', 'a number of milliseconds', ttlMs)
  if (!(ttlMs > 0)) throw notAllowed('ttlMs', 'a number above 0', ttlMs)
  const seconds = Math.ceil(ttlMs / 1000) + 1
  if (seconds <= THIRTY_DAYS_SECONDS) return seconds
  // The wire holds 32 bits, read as a signed number: what ends after January 2038 is kept until then.
  return Math.min(Math.ceil(nowMs() / 1000) + seconds, MAX_EXPTIME)
}
