const BAR_WIDTH = 420
const ROW_HEIGHT = 22
const COLORS = { larder: '#2a6f97', other: '#b0b7bf' }

const thousands = (rate) => (rate / 1000).toFixed(0)

/** `results`: test name -> client name -> a number for each; in brackets how many times that of the baseline. */
export function table(results, baseline, format = thousands) {
  const names = [...new Set([...results.values()].flatMap((row) => [...row.keys()]))]
  const lines = [`| | ${names.join(' | ')} |`, `|---|${'---|'.repeat(names.length)}`]
  for (const [test, row] of results) {
    const base = row.get(baseline)
    const cells = names.map((name) => {
      const number = row.get(name)
      if (number === undefined) return '-'
      return base === undefined ? format(number) : `${format(number)} (${(number / base).toFixed(1)})`
    })
    lines.push(`| ${test} | ${cells.join(' | ')} |`)
  }
  return `${lines.join('\n')}\n`
}

const SINGLE_LINES = 'raw socket, a line a command'
/** [test, client, compared with, at least so many times] */
const TARGETS = [
  ['get, 64 at once, 100 B', 'larder', 'memjs', 5],
  ['get, 64 at once, 100 B', 'larder', SINGLE_LINES, 0.6],
  ['get, 64 at once, 100 B', 'larder', 'raw socket', 0.6],
  ['set, 64 at once, 100 B', 'larder', 'memjs', 5],
  ['set, 64 at once, 100 B', 'larder', SINGLE_LINES, 0.6],
  ['getMulti of 100, 100 B (keys)', 'larder', 'pylibmc', 1],
  ['getMulti of 100, 10 kB (keys)', 'larder', 'pylibmc', 1.5],
  ['setMulti of 100, 100 B (keys)', 'larder', 'pylibmc', 20],
  ['get, 64 at once, 10 kB', 'larder', 'memjs', 2],
  ['set, 64 at once, 10 kB', 'larder', 'memjs', 2],
]

/** What was to be reached, beside what was. */
export function targets(results) {
  const lines = ['| target | times | reached |', '|---|---|---|']
  for (const [test, client, other, least] of TARGETS) {
    const row = results.get(test)
    if (row?.has(client) !== true || !row.has(other)) continue
    const times = row.get(client) / row.get(other)
    lines.push(
      `| ${test}: ${client} at least ${least} times ${other} | ${times.toFixed(2)} | ${times >= least ? 'yes' : 'no'} |`,
    )
  }
  return `${lines.join('\n')}\n`
}

export function plot(results) {
  let y = 10
  const parts = []
  for (const [test, row] of results) {
    const most = Math.max(...row.values())
    y += 18
    parts.push(text(10, y, test, 'bold'))
    for (const [name, rate] of row) {
      y += ROW_HEIGHT
      const color = name.startsWith('larder') ? COLORS.larder : COLORS.other
      parts.push(text(10, y, name))
      parts.push(
        `<rect x="200" y="${y - 13}" width="${((rate / most) * BAR_WIDTH).toFixed(1)}" height="16" fill="${color}"/>`,
      )
      parts.push(text(206 + (rate / most) * BAR_WIDTH, y, `${(rate / 1000).toFixed(0)} k/s`))
    }
    y += 14
  }
  const size = `width="720" height="${y}" viewBox="0 0 720 ${y}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">\n<rect width="720" height="${y}" fill="white"/>\n${parts.join('\n')}\n</svg>\n`
}

function text(x, y, content, weight = 'normal') {
  return `<text x="${x.toFixed(1)}" y="${y}" font-weight="${weight}">${content}</text>`
}
