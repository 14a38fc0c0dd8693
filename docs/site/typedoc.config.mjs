// What the site is made of: the pages, and every entry point of every package.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** In the order of the sidebar; pages that are not named here follow. */
const FIRST = [
  'guide',
  'queries',
  'client',
  'other-clients',
  'maps',
  'own-storage',
  'atom-store',
  'operate',
  'production',
  'command',
  'observability',
  'compare',
  'coming-from',
  'sessions',
  'express',
  'fastify',
  'nestjs',
  'options',
  'errors',
  'guarantees',
]

const names = readdirSync(`${root}docs`).flatMap((file) => (file.endsWith('.md') ? [file.slice(0, -3)] : []))
const pages = [...FIRST, ...names.filter((name) => !FIRST.includes(name))]

/** The sources of what programs can import. */
const entryPoints = readdirSync(`${root}packages`).flatMap((name) => {
  const { exports = {} } = JSON.parse(readFileSync(`${root}packages/${name}/package.json`, 'utf8'))
  const types = Object.values(exports).flatMap((entry) => entry.types ?? [])
  return types.map((path) =>
    path.replace('./dist/', `${root}packages/${name}/src/`).replace(/\.d\.ts$/, '.ts'),
  )
})

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'Larder',
  tsconfig: 'tsconfig.json',
  plugin: ['./plugin.mjs'],
  entryPoints,
  readme: '../../README.md',
  projectDocuments: [
    ...pages.map((name) => `../${name}.md`),
    '../../ARCHITECTURE.md',
    '../../CONTRIBUTING.md',
    '../decisions/README.md',
    '../decisions/0*.md',
    '../../bench/README.md',
    '../../bench/results/*.md',
  ],
  sortEntryPoints: false,
  groupOrder: ['Guides', 'Reference', 'Modules', 'Inside', 'Decisions', 'Measured', '*'],
  navigation: { includeGroups: true },
  customCss: 'site.css',
  ignoredHighlightLanguages: ['promql'],
  // A link that leads nowhere, or something exported that nobody has described.
  treatWarningsAsErrors: true,
  highlightLanguages: ['ts', 'js', 'sh', 'sql', 'python', 'json', 'text', 'mermaid'],
  excludeInternal: true,
  excludePrivate: true,
  disableSources: true,
  // The build has checked them.
  skipErrorChecking: true,
  out: '../../site',
}
