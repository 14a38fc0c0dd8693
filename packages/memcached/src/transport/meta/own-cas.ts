import { casText } from '../../protocol/meta/encode.js'

const LARGEST_HIGH = 0x7fff_fffe
const TWO_TO_32 = 2 ** 32

/**
 * The flag that gives what is stored a CAS number of 63 random bits (protocol.txt, "Meta Set", `E`): a server that
 * restarts does not give it out again, whoever keeps the connections.
 */
export function ownCasFlag(): string {
  const high = 1 + Math.floor(Math.random() * LARGEST_HIGH)
  return ` E${casText(high, Math.floor(Math.random() * TWO_TO_32))}`
}
