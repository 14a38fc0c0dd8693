import { Busboy, type BusboyHeaders } from '@fastify/busboy'
import { Readable } from 'node:stream'
import { mediaTypeOf } from '../media-type.js'
import { Problem } from '../problem.js'
import type { Media } from '../store/index.js'

const MAX_FIELD_BYTES = 10_000
const MAX_FIELDS = 20

/** A form with a file, as far as it has come in: the fields in front of the file, and the file itself. */
export interface Upload {
  readonly fields: URLSearchParams
  /** As the browser names it, without a folder. */
  readonly fileName: string
  readonly media: Media
}

/** Reads up to the file, which is then read by whoever stores it. Throws a `Problem` 400 or 413. */
export async function readUpload(request: Request, maxBytes: number): Promise<Upload> {
  const type = request.headers.get('content-type') ?? ''
  if (!type.startsWith('multipart/form-data') || request.body === null)
    throw new Problem(400, 'This is no form with a file')
  const headers: BusboyHeaders = { 'content-type': type }
  const limits = { fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES, files: 1, fileSize: maxBytes }
  const form = new Busboy({ headers, limits })
  const body = Readable.fromWeb(request.body)
  const fields = new URLSearchParams()
  return new Promise((resolve, reject) => {
    form.on('field', (name, value) => fields.append(name, value))
    form.on('file', (_name, file, fileName, _encoding, mimeType) => {
      if (!fileName) {
        file.resume()
        return
      }
      // It may fail before it is read; who reads it gets the error then.
      file.on('error', () => undefined)
      file.once('limit', () => file.destroy(new Problem(413, `The file is larger than ${maxBytes} bytes`)))
      const media = { type: mediaTypeOf(mimeType) ?? 'application/octet-stream', stream: file }
      resolve({ fields, fileName, media })
    })
    form.on('finish', () => reject(new Problem(400, 'There is no file in the form')))
    form.on('error', (cause) => reject(new Problem(400, 'The form is malformed', { cause })))
    body.on('error', (error) => {
      form.destroy()
      reject(error)
    })
    body.pipe(form)
  })
}
