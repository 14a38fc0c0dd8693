import type { ConnectionSource } from '../connections/index.js'
import { numberOf, statement } from '../dialects/index.js'
import type { Settings } from '../options.js'

/** For the text around values: names of tables, columns and resources, numbers. */
const TEXT_BYTES = 8_192
const SMALLEST_PART = 1_024

/**
 * The settings with sizes that fit the server's `max_allowed_packet`, where it has one. Values travel as hexadecimal
 * digits, two for each byte.
 */
export async function fittedToPackets(settings: Settings, source: ConnectionSource): Promise<Settings> {
  if (source.dialect.family !== 'mysql') return settings
  const select = statement('SELECT @@max_allowed_packet AS bytes')
  const { rows } = await source.read((connection) => connection.run(select), undefined)
  const packetBytes = numberOf(rows[0]?.['bytes'])
  const rowMaxBytes = Math.max(SMALLEST_PART, Math.floor((packetBytes - TEXT_BYTES) / 2))
  return {
    ...settings,
    rowMaxBytes,
    inlineMaxBytes: Math.min(settings.inlineMaxBytes, rowMaxBytes),
    chunkBytes: Math.min(settings.chunkBytes, rowMaxBytes),
  }
}
