/** RFC 5023 over HTTP: requests, answers, preconditions, sign-in. */

export { Addresses } from './addresses.js'
export { answer, tagOf } from './answer.js'
export { type AppOptions, createApp } from './app.js'
export { hashPassword } from './auth.js'
export { readBody } from './body.js'
export { feedOptions, seesDrafts } from './collections.js'
export { visibleEntry } from './entries.js'
export type { Call, Env, Viewer } from './env.js'
export type { HtmlPages } from './html-pages.js'
export { resource } from './resource.js'
