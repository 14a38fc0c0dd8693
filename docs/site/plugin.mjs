// Pages are named by their headings, and modules as programs import them.
import { readFileSync } from 'node:fs'
import { Converter } from 'typedoc'

/** Which part of the sidebar shows a page. The first that fits. */
const GROUPS = [
  [/\/docs\/decisions\//, 'Decisions'],
  [/\/bench\//, 'Measured'],
  [/\/docs\/(?:guarantees|errors)\.md$/, 'Reference'],
  [/\/docs\/simulation\.md$|\/[A-Z]+\.md$/, 'Inside'],
  [/./, 'Guides'],
]

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, page) => {
    const file = page.project.files.getReflectionPath(page)
    const heading = /^# (?<title>.*)$/m.exec(readFileSync(file, 'utf8'))
    page.name = heading?.groups?.title ?? page.name
    page.frontmatter.group = GROUPS.find(([path]) => path.test(file))?.[1]
  })
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children ?? []) module.name = moduleName(module.name)
  })
}

/** 'storage-core/src/testing' is imported as '@larder/storage-core/testing'. */
function moduleName(path) {
  return `@larder/${path.replace('/src', '')}`
}
