import {
  PART_NAMES,
  type PartName,
  type Storage,
  type WriteOptions,
  type WriteRequest,
  type WriteResult,
} from '@larder/storage-core'
import type { Recorder } from './stream-recorder.js'

type Extra = Pick<WriteOptions, 'signal' | 'transaction'>

/** Says a driver's request again through a storage's public methods. */
export function forward(
  storage: Storage,
  { info, changes, conditions }: WriteRequest,
  recorder: Recorder,
  extra: Extra,
): Promise<WriteResult> {
  const inner = info.inner ?? info
  const options = { ...extra, ...preconditions(conditions) }
  const { content, metadata } = changes
  if (content === 'remove') {
    return metadata === 'remove' ? storage.remove(inner, options) : storage.removeContent(inner, options)
  }
  if (metadata === 'remove') return storage.removeMetaData(inner, options)
  const parts = {
    content: content && recorder.sourceOf('content', content),
    metadata: metadata && recorder.sourceOf('metadata', metadata),
  }
  return storage.put(inner, parts, options)
}

function preconditions(
  conditions: WriteRequest['conditions'],
): Pick<WriteOptions, 'ifMatch' | 'ifNoneMatch'> {
  const ifMatch: { [part in PartName]?: string } = {}
  for (const part of PART_NAMES) {
    const condition = conditions[part]
    // A request has this for all of its written parts, or for none.
    if (condition === 'none') return { ifNoneMatch: '*' }
    if (condition !== undefined) ifMatch[part] = condition === '*' ? '*' : condition.etag
  }
  return Object.keys(ifMatch).length === 0 ? {} : { ifMatch }
}
