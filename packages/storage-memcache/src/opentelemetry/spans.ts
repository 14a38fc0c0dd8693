import {
  callChannel,
  type CallEvent,
  requestChannel,
  type RequestEvent,
  type WorkEvent,
} from '@larder/storage-core'
import { type WorkChannel } from '@larder/storage-core/driver'
import { commandChannel } from '@larder/memcached'
import {
  type Attributes,
  type Context,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api'
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  attributesOf,
  collectionAttributes,
  type End,
  errorType,
  listen,
  serverAttributes,
} from './attributes.js'

/** The store that a channel runs work in: OpenTelemetry's context manager keeps the context itself. */
class ContextStore extends AsyncLocalStorage<Context> {
  override run<R, A extends unknown[]>(store: Context, run: (...args: A) => R, ...args: A): R {
    return context.with(store, run, undefined, ...args)
  }
}

/** What the span of a piece of work begins with; undefined: it gets none. */
interface Beginning {
  readonly kind: SpanKind
  readonly target: string | undefined
  readonly attributes: Attributes
}

/**
 * Makes a span of each call of a storage or of a client, as a child of the active span, and of each request that is
 * made in a span.
 */
export function traceWithSpans(tracer: Tracer, withStatements: boolean): readonly End[] {
  return [
    ...trackSpans(tracer, callChannel, (event: CallEvent) => {
      const resource = event.resource === undefined ? {} : { 'larder.resource': event.resource }
      const attributes = { ...collectionAttributes(event), ...resource }
      return { kind: SpanKind.INTERNAL, target: event.collection, attributes }
    }),
    ...trackSpans(tracer, commandChannel, () => ({
      kind: SpanKind.INTERNAL,
      target: undefined,
      attributes: {},
    })),
    ...trackSpans(tracer, requestChannel, (event: RequestEvent) => {
      // Background work, once a second, is no trace of its own.
      if (trace.getSpan(context.active()) === undefined) return undefined
      const text = withStatements && event.statement !== undefined ? { 'db.query.text': event.statement } : {}
      return {
        kind: SpanKind.CLIENT,
        target: event.server,
        attributes: { ...serverAttributes(event), ...text },
      }
    }),
  ]
}

/** The types of Node's channels have no place for a store of another type that is the same in all their versions. */
interface ContextBinding<E> {
  bindStore(store: ContextStore, contextOf: (event: E) => Context): void
  unbindStore(store: ContextStore): unknown
}

/** The work runs in the context of its span, so that the spans of others are its children. */
function trackSpans<E extends WorkEvent>(
  tracer: Tracer,
  channel: WorkChannel<E>,
  beginningOf: (event: E) => Beginning | undefined,
): readonly End[] {
  const spans = new WeakMap<WorkEvent, Span>()
  const store = new ContextStore()
  const start = channel.start as unknown as ContextBinding<E>
  start.bindStore(store, (event) => {
    const parent = context.active()
    const beginning = beginningOf(event)
    if (beginning === undefined) return parent
    const { kind, target, attributes: more } = beginning
    const name = target === undefined ? event.operation : `${event.operation} ${target}`
    const batch = event.items > 1 ? { 'db.operation.batch.size': event.items } : {}
    const span = tracer.startSpan(
      name,
      { kind, attributes: { ...attributesOf(event), ...batch, ...more } },
      parent,
    )
    spans.set(event, span)
    return trace.setSpan(parent, span)
  })
  const end = (event: WorkEvent) => {
    const span = spans.get(event)
    if (span === undefined) return
    const type = errorType(event)
    if (type !== undefined) {
      const message = event.error instanceof Error ? event.error.message : undefined
      span.setAttribute('error.type', type)
      span.setStatus({ code: SpanStatusCode.ERROR, ...(message === undefined ? {} : { message }) })
    }
    span.end()
  }
  return [() => start.unbindStore(store), listen(channel.asyncEnd, end)]
}
