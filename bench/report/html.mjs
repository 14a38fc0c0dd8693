// The report as one page that needs nothing else: style and plots are in it.
import { machineText } from '../lib/results.mjs'
import { bars, escape } from './bars.mjs'
import { lines } from './lines.mjs'

const STYLE = `
body { font: 15px/1.45 sans-serif; max-width: 1000px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px; display: block; overflow-x: auto }
th, td { border: 1px solid #ccd; padding: 3px 8px; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
.yes { background: #dff0d8 } .no { background: #f6dcdc }
code { background: #f2f2f5 } h2 { margin-top: 2em; border-top: 1px solid #ccd; padding-top: 1em } svg { max-width: 100%; height: auto }`

export function html({ kind, machine, parts }) {
  const title = `Larder: ${kind} benchmarks of ${machine.date}`
  const targets = parts.flatMap(({ title: part, targets = [] }) =>
    targets.map((target) => ({ part, ...target })),
  )
  const contents = parts.map(
    ({ name, title: part }) => `<li><a href="#${escape(name)}">${escape(part)}</a></li>`,
  )
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${STYLE}
</style>
<h1>${escape(title)}</h1>
<p>${escape(machineText(machine))}. Rounds are interleaved, and each contender has a process of its own unless a part says otherwise. Bars are medians, whiskers quartiles; "times" is the median of the ratios of each round to the same round of the baseline, with their quartiles.</p>
<ul>${contents.join('')}</ul>
${targets.length === 0 ? '' : `<h2>Targets</h2>${targetTable(targets)}`}
${parts.map(section).join('\n')}
</html>
`
}

function section({
  name,
  title,
  text = '',
  command,
  versions = {},
  seconds,
  tests = [],
  tables = [],
  plots = [],
}) {
  const known = Object.entries(versions).filter(([, version]) => version !== undefined)
  const took = seconds === undefined ? '' : ` It took ${seconds} s.`
  return `<h2 id="${escape(name)}">${escape(title)}</h2>
<p>${escape(text)}</p>
<p><code>${escape(command)}</code>.${took} ${escape(known.map(([one, version]) => `${one} ${version}`).join(', '))}</p>
${tests.length === 0 ? '' : bars(tests)}
${plots.map(lines).join('\n')}
${tables.map(table).join('\n')}`
}

function targetTable(targets) {
  const rows = targets.map(
    ({ part, text, figure, isReached }) =>
      `<tr><td>${escape(part)}</td><td>${escape(text)}</td><td>${escape(figure)}</td><td class="${isReached ? 'yes' : 'no'}">${isReached ? 'yes' : 'no'}</td></tr>`,
  )
  return `<table><tr><th>part</th><th>target</th><th>measured</th><th>reached</th></tr>${rows.join('')}</table>`
}

function table({ title, head, rows }) {
  const row = (cells, tag) => `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`
  const heading = title === undefined ? '' : `<h3>${escape(title)}</h3>`
  return `${heading}<table>${row(head, 'th')}${rows.map((cells) => row(cells, 'td')).join('')}</table>`
}
