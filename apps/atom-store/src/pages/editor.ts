import { html } from 'hono/html'
import { ENTRY_TYPE } from '../atom/index.js'
import type { Config } from '../config.js'
import { type Call, readBody, visibleEntry } from '../http/index.js'
import { Problem } from '../problem.js'
import type { Collection, Entry, WriteRequest } from '../store/index.js'
import { type Fields, fieldsOf, NO_FIELDS, readFields, withFields } from './fields.js'
import { entryForm, uploadForm } from './forms.js'
import { here } from './fragments.js'
import type { Page } from './layout.js'
import { readUpload } from './uploads.js'

/** The last part of the address of a form for a new entry. */
export const NEW = 'new'

type Step = (call: Call, collection: Collection, name: string) => Promise<Page | Response>

/** Forms: a GET shows one, a POST does what it says and leads on, or shows it again with what is wrong. */
export interface Editor {
  readonly create: Step
  readonly upload: Step
  readonly edit: Step
  readonly replace: Step
  readonly remove: Step
}

export function newEditor({ maxEntryBytes, maxMediaBytes }: Config): Editor {
  const read = async (call: Call): Promise<URLSearchParams> =>
    new URLSearchParams((await readBody(call.req.raw, maxEntryBytes)).toString())

  const create: Step = async (call, collection) => {
    checkWritable(collection, ENTRY_TYPE)
    const page = (fields: Fields, problem?: Problem): Page => ({
      title: `New in ${collection.title}`,
      body: html`<h1>New in ${collection.title}</h1>
        ${entryForm({ collection, fields, problem: problem?.message })}`,
      status: problem?.status,
    })
    if (call.req.method !== 'POST') return page(NO_FIELDS)
    const fields = readFields(await read(call), collection)
    return orAgain(
      async () => {
        const source = withFields(undefined, fields, collection)
        const { name } = await collection.create(source, requestOf(call))
        return call.redirect(here.entry(collection.name, name), 303)
      },
      (problem) => page(fields, problem),
    )
  }

  const edit: Step = async (call, collection, name) => {
    checkWritable(collection)
    const entry = await visibleEntry(call, collection, name)
    const page = ({ etag, record }: Entry, fields: Fields, problem?: string): Page => ({
      title: `Edit ${record.title}`,
      body: html`<h1>Edit</h1>
        ${entryForm({ collection, fields, etag, isMedia: record.mediaType !== undefined, problem })}`,
      status: problem === undefined ? 200 : 409,
    })
    if (call.req.method !== 'POST') return page(entry, fieldsOf(entry))
    const form = await read(call)
    const fields = readFields(form, collection)
    return orAgain(
      async () => {
        const request = { ...requestOf(call), ifMatch: [form.get('etag') ?? ''] }
        // What the form does not show is kept as it is in the version that the form was made of.
        await collection.update(name, withFields(entry, fields, collection), request)
        return call.redirect(here.entry(collection.name, name), 303)
      },
      async (problem) => {
        if (problem.status !== 412) return page(entry, fields, problem.message)
        const now = await visibleEntry(call, collection, name)
        return page(
          now,
          fields,
          `Somebody else has changed it in the meantime: "${now.record.title}". Below is what you wrote; to save it now takes the place of theirs.`,
        )
      },
    )
  }

  const upload: Step = async (call, collection) => {
    checkWritable(collection)
    const page = (problem?: Problem): Page => ({
      title: `Add to ${collection.title}`,
      body: html`<h1>Add to ${collection.title}</h1>
        ${uploadForm(collection, problem?.message)}`,
      status: problem?.status,
    })
    if (call.req.method !== 'POST') return page()
    return orAgain(async () => {
      const { media, fields, fileName } = await readUpload(call.req.raw, maxMediaBytes)
      checkAccepted(collection, media.type)
      const slug = fields.get('title')?.trim() || fileName
      const { name } = await collection.createMedia(media, { ...requestOf(call), slug })
      return call.redirect(here.entry(collection.name, name), 303)
    }, page)
  }

  const replace: Step = async (call, collection, name) => {
    checkWritable(collection)
    const { record } = await visibleEntry(call, collection, name)
    const page = async (problem?: Problem): Promise<Page> => ({
      title: `Replace ${record.title}`,
      body: html`<h1>Replace the file of ${record.title}</h1>
        ${uploadForm(collection, problem?.message, (await collection.mediaVersion(name))?.etag ?? '')}`,
      status: problem?.status,
    })
    if (call.req.method !== 'POST') return page()
    return orAgain(async () => {
      const { media, fields } = await readUpload(call.req.raw, maxMediaBytes)
      checkAccepted(collection, media.type)
      await collection.updateMedia(name, media, { ...requestOf(call), ifMatch: [fields.get('etag') ?? ''] })
      return call.redirect(here.entry(collection.name, name), 303)
    }, page)
  }

  const remove: Step = async (call, collection, name) => {
    checkWritable(collection)
    const { record, etag } = await visibleEntry(call, collection, name)
    const page = (problem?: Problem): Page => ({
      title: `Delete ${record.title}`,
      body: html`<h1>Delete ${record.title}?</h1>
        ${problem === undefined ? '' : html`<p class="problem" role="alert">${problem.message}.</p>`}
        <form method="post" class="bar">
          <input type="hidden" name="etag" value="${etag}" />
          <button>Delete</button> <a class="button plain" href="${here.entry(collection.name, name)}">Keep</a>
        </form>`,
      status: problem?.status,
    })
    if (call.req.method !== 'POST') return page()
    const form = await read(call)
    return orAgain(async () => {
      await collection.remove(name, { ...requestOf(call), ifMatch: [form.get('etag') ?? ''] })
      return call.redirect(here.collection(collection.name), 303)
    }, page)
  }

  return { create, upload, edit, replace, remove }
}

function requestOf(call: Call): WriteRequest {
  return { user: call.var.viewer.user, signal: call.req.raw.signal }
}

/** What the person has filled in is not lost where it was not to be stored. */
async function orAgain(
  work: () => Promise<Response>,
  again: (problem: Problem) => Page | Promise<Page>,
): Promise<Response | Page> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Problem && error.status < 500 && error.status !== 401 && error.status !== 404)
      return again(error)
    throw error
  }
}

function checkWritable(collection: Collection, mediaType?: string): void {
  if (collection.isReadOnly)
    throw new Problem(405, 'Nobody can write here', { headers: { Allow: 'GET, HEAD' } })
  if (mediaType !== undefined) checkAccepted(collection, mediaType)
}

function checkAccepted(collection: Collection, mediaType: string): void {
  if (collection.accepts(mediaType)) return
  throw new Problem(415, `${mediaType} is not accepted here, but ${collection.accept.join(', ')}`)
}
