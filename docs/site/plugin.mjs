// Pages are named by their headings, and modules as programs import them.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Converter, JSX, ReflectionKind } from 'typedoc'

/** Which part of the sidebar shows a page. The first that fits. */
const GROUPS = [
  [/\/docs\/decisions\//, 'Decisions'],
  [/\/bench\//, 'Measured'],
  [/\/docs\/(?:guarantees|errors)\.md$/, 'Reference'],
  [/\/docs\/simulation\.md$|\/[A-Z]+\.md$/, 'Inside'],
  [/./, 'Guides'],
]

const OPEN_GUIDES = `try {
  const key = 'tsd-accordion-Guides'
  localStorage.getItem(key) ?? localStorage.setItem(key, 'true')
} catch {}`

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, page) => {
    const file = page.project.files.getReflectionPath(page)
    const heading = /^# (?<title>.*)$/m.exec(readFileSync(file, 'utf8'))
    page.name = heading?.groups?.title.replaceAll('`', '') ?? page.name
    page.frontmatter.group = GROUPS.find(([path]) => path.test(file))?.[1]
  })
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children ?? []) module.name = moduleName(module.name)
  })
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    for (const each of (project.children ?? []).flatMap((module) => [module, ...(module.children ?? [])]))
      if (!isDescribed(each)) app.logger.warn(`${each.getFullName()} has no description`)
  })
  // Who comes for the first time sees the guides; TypeDoc remembers what is opened and closed after that.
  app.renderer.hooks.on('head.end', () =>
    JSX.createElement('script', null, JSX.createElement(JSX.Raw, { html: OPEN_GUIDES })),
  )
}

/** Whether it, or all ways to call it, have a comment. What stands elsewhere is described there. */
function isDescribed(each) {
  if (each.kindOf(ReflectionKind.Reference)) return true
  return each.hasComment() || (each.signatures?.every((signature) => signature.hasComment()) ?? false)
}

const packages = fileURLToPath(new URL('../../packages/', import.meta.url))

/** What programs import, by the source of it: 'memcached/src/sessions/express-session' is '@larder/memcached/express-session'. */
const importNames = new Map(
  readdirSync(packages).flatMap((folder) => {
    const { name, exports = {} } = JSON.parse(readFileSync(`${packages}${folder}/package.json`, 'utf8'))
    return Object.entries(exports).map(([path, { types }]) => {
      const source = types.replace('./dist', `${folder}/src`).replace(/(?:\/index)?\.d\.ts$/, '')
      return [source, `${name}${path.slice(1)}`]
    })
  }),
)

function moduleName(path) {
  return importNames.get(path) ?? path
}
