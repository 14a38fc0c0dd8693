import { corrupt, type ValueSerializer } from '../client/index.js'
import { serializeString, stringReader, type StringOptions, unsupported } from './strings.js'

/** Values as memjs writes and reads them without a serializer of its own: text or bytes, no flags, no compression. */
export function memjsSerializer(options: StringOptions = { strings: 'bytes' }): ValueSerializer {
  const read = stringReader(options)
  return {
    serialize(value) {
      const serialized = serializeString(value)
      if (serialized === undefined) throw unsupported(value, 'memjs', 'strings and bytes')
      return serialized
    },
    deserialize(bytes, flags) {
      if (flags !== 0) throw corrupt(`memjs writes no flags, and the item has ${flags}`)
      return read(bytes)
    },
  }
}
