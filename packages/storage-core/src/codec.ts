/** A value as bytes, with the client flags that memcached keeps beside them. */
export interface Encoded {
  readonly bytes: Uint8Array
  /** 0 to 2^32 - 1. */
  readonly flags: number
}

/** Values to bytes and back. `decode` throws `E_CORRUPT` for bytes that are not its own. */
export interface Codec<T> {
  encode(value: T): Encoded
  decode(bytes: Uint8Array, flags: number): T
}

/** A codec whose values come back as JSON has them: the result is a `Jsonify<T>` and not a `T`. */
export interface JsonCodec<T> extends Codec<T> {
  readonly format: 'json'
}
