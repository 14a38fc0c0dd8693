import { StorageError } from '@larder/storage-core/base'
import type { Channel } from './channel.js'
import type { Exchange } from './exchange.js'
import type { WireItem } from './transport.js'

export type CreateExchange<T, Frame> = (
  resolve: (result: T) => void,
  reject: (error: Error) => void,
) => Exchange<Frame>

/** Hands a command to its channel; `signal` rejects it with `E_ABORTED`, and keeps it from being sent if it was not. */
export function issue<T, Frame>(
  channel: Channel<Frame>,
  create: CreateExchange<T, Frame>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return new Promise((resolve, reject) => channel.submit(create(resolve, reject)))
  return new Promise((resolve, reject) => {
    const exchange = create(
      (result) => {
        signal.removeEventListener('abort', onAbort)
        resolve(result)
      },
      (error) => {
        signal.removeEventListener('abort', onAbort)
        reject(error)
      },
    )
    const onAbort = () => exchange.fail(abortedError(signal))
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort)
    channel.submit(exchange)
  })
}

export function abortedError(signal: AbortSignal): StorageError {
  return new StorageError('E_ABORTED', 'The command was aborted', { cause: signal.reason })
}

/** Once aborted, a store is the caller's no more, and still on its way: it must not see later changes. */
export function ownedValue(value: Uint8Array, signal: AbortSignal | undefined): Uint8Array {
  return signal === undefined ? value : Buffer.from(value)
}

/** As `ownedValue`, for a batch. */
export function ownedItems(items: readonly WireItem[], signal: AbortSignal | undefined): readonly WireItem[] {
  return signal === undefined
    ? items
    : items.map((item) => ({ ...item, value: ownedValue(item.value, signal) }))
}
