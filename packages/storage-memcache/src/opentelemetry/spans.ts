import {
  CALL_CHANNEL,
  type CallEvent,
  REQUEST_CHANNEL,
  type RequestEvent,
  startOf,
  type WorkEvent,
} from '@larder/storage-core'
import {
  type Attributes,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api'
import {
  attributesOf,
  collectionAttributes,
  type End,
  errorType,
  listen,
  serverAttributes,
} from './attributes.js'

/** Makes a span of each call, inside of whatever span it is made in, and of each request that is made in one. */
export function traceWork(tracer: Tracer, withStatements: boolean): readonly End[] {
  const spans = new WeakMap<WorkEvent, Span>()
  const begin = (event: WorkEvent, kind: SpanKind, target: string | undefined, more: Attributes) => {
    const name = target === undefined ? event.operation : `${event.operation} ${target}`
    const batch = event.items > 1 ? { 'db.operation.batch.size': event.items } : {}
    const attributes = { ...attributesOf(event), ...batch, ...more }
    const parent = context.active()
    const span = tracer.startSpan(name, { kind, attributes }, parent)
    spans.set(event, span)
    enter(event, <T>(work: () => T): T => context.with(trace.setSpan(parent, span), work))
  }
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
  return [
    listen(startOf(CALL_CHANNEL), (event: CallEvent) => {
      const resource = event.resource === undefined ? {} : { 'larder.resource': event.resource }
      const attributes = { ...collectionAttributes(event), ...resource }
      begin(event, SpanKind.INTERNAL, event.collection, attributes)
    }),
    listen(startOf(REQUEST_CHANNEL), (event: RequestEvent) => {
      // What goes on in the background, once a second, is no trace of its own.
      if (trace.getSpan(context.active()) === undefined) return
      const text = withStatements && event.statement !== undefined ? { 'db.query.text': event.statement } : {}
      begin(event, SpanKind.CLIENT, event.server, { ...serverAttributes(event), ...text })
    }),
    listen(CALL_CHANNEL, end),
    listen(REQUEST_CHANNEL, end),
  ]
}

/** Others may have something of their own to run the work in. */
function enter(event: WorkEvent, own: <T>(work: () => T) => T): void {
  const before = event.around
  event.around = before === undefined ? own : (work) => before(() => own(work))
}
