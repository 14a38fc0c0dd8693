import {
  type PartName,
  type ResourceWrite,
  type Storage,
  type WriteOptions,
  type WriteResult,
} from '@larder/storage-core'
import { preconditionsOf, type TransactionHook, type WriteRequest } from '@larder/storage-core/driver'
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
  const options = { ...extra, ...preconditionsOf(conditions) }
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

/** The same as one of several. */
export function resourceWrite(
  { request, recorder }: { readonly request: WriteRequest; readonly recorder: Recorder },
  transaction: TransactionHook,
): ResourceWrite {
  const { info, changes, conditions } = request
  const sourceOf = (part: PartName) => {
    const change = changes[part]
    return change === 'remove' ? null : change && recorder.sourceOf(part, change)
  }
  return {
    info: info.inner ?? info,
    content: sourceOf('content'),
    metadata: sourceOf('metadata'),
    transaction,
    ...preconditionsOf(conditions),
  }
}
