import {
  notAllowed,
  numberOption,
  optionTable,
  type OptionsOf,
  type ResolvedOptions,
} from '@larder/storage-core/base'

/** Reads by UDP, for servers that were started with `-U`. What has no answer there is asked again over TCP. */
export const UDP_OPTIONS = optionTable({
  /** Where the servers listen for datagrams. Default: the port that each has for TCP. */
  port: numberOption({ min: 1, max: 65_535, isInteger: true }),
  /** How long an answer is waited for until TCP is asked, in milliseconds; less than `timeoutMs`. Default: 50. */
  waitMs: numberOption({ above: 0 }, 50),
  /**
   * Reads under way to one server; further ones go over TCP, as do larger batches. Default: 64, as many short answers
   * as the system's buffer holds while this process is busy.
   */
  maxRequests: numberOption({ min: 1, max: 10_000, isInteger: true }, 64),
  /** The longest answer, in datagrams of 1,400 bytes; a longer one is asked for again over TCP. Default: 16. */
  maxDatagrams: numberOption({ min: 1, max: 1000, isInteger: true }, 16),
})

/** How reads by UDP are sent. */
export type UdpOptions = OptionsOf<typeof UDP_OPTIONS>
export type ResolvedUdpOptions = ResolvedOptions<typeof UDP_OPTIONS>

/** An answer that is awaited longer than the whole command is a `RangeError`. */
export function checkUdpWait({ waitMs }: ResolvedUdpOptions, timeoutMs: number): void {
  if (waitMs >= timeoutMs) throw notAllowed('udp.waitMs', `less than timeoutMs, ${timeoutMs}`, waitMs)
}
