import type { UnitSource } from '@larder/storage-core'

interface MediaBase {
  readonly type: string
}

/** Bytes with a media type: at hand, or coming in, in which case they can be read once. */
export type Media =
  | (MediaBase & { readonly bytes: Uint8Array; readonly stream?: undefined })
  | (MediaBase & { readonly stream: AsyncIterable<Uint8Array>; readonly bytes?: undefined })

export function onceReadable(media: Media): UnitSource {
  const { bytes, stream } = media
  return bytes ?? (() => stream)
}
