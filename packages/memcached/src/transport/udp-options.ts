import type { NamesOf } from '@larder/storage-core/base'

/** Reads by UDP, for servers that were started with `-U`. What has no answer there is asked again over TCP. */
export interface UdpOptions {
  /** Where the servers listen for datagrams. Default: the port that each has for TCP. */
  readonly port?: number
  /** How long an answer is waited for until TCP is asked, in milliseconds; less than `timeoutMs`. Default: 50. */
  readonly waitMs?: number
  /** Reads under way to one server; what comes on top goes over TCP, as do larger batches. Default: 64. */
  readonly maxRequests?: number
  /** The longest answer, in datagrams of 1,400 bytes; a longer one is asked for again over TCP. Default: 16. */
  readonly maxDatagrams?: number
}

export const UDP_NAMES: NamesOf<UdpOptions> = Object.freeze({
  port: true,
  waitMs: true,
  maxRequests: true,
  maxDatagrams: true,
})

export interface ResolvedUdpOptions extends Required<Omit<UdpOptions, 'port'>> {
  readonly port: number | undefined
}

/** How reads by UDP go unless told otherwise. */
export const DEFAULT_UDP_OPTIONS = Object.freeze({
  waitMs: 50,
  // As many short answers as the system's buffer holds where this process is busy.
  maxRequests: 64,
  maxDatagrams: 16,
} satisfies UdpOptions)

/** Fills in the defaults and refuses what cannot be honoured with a `RangeError`. */
export function resolveUdpOptions(options: UdpOptions, timeoutMs: number): ResolvedUdpOptions {
  const { port } = options
  const waitMs = options.waitMs ?? DEFAULT_UDP_OPTIONS.waitMs
  const maxRequests = options.maxRequests ?? DEFAULT_UDP_OPTIONS.maxRequests
  const maxDatagrams = options.maxDatagrams ?? DEFAULT_UDP_OPTIONS.maxDatagrams
  if (!(waitMs > 0 && waitMs < timeoutMs)) {
    throw new RangeError(`udp.waitMs must be more than 0 and less than timeoutMs, not ${String(waitMs)}`)
  }
  checkInteger('udp.maxRequests', maxRequests, 10_000)
  checkInteger('udp.maxDatagrams', maxDatagrams, 1000)
  if (port !== undefined) checkInteger('udp.port', port, 65_535)
  return { port, waitMs, maxRequests, maxDatagrams }
}

function checkInteger(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new RangeError(`${name} must be an integer of 1 to ${max}, not ${String(value)}`)
  }
}
