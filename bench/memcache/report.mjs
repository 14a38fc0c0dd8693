const BAR_WIDTH = 420
const ROW_HEIGHT = 22
const COLORS = { larder: '#2a6f97', other: '#b0b7bf' }

/** `results`: test name -> client name -> median of operations a second. */
export function table(results, baseline) {
  const names = [...new Set([...results.values()].flatMap((row) => [...row.keys()]))]
  const lines = [
    `| thousand a second (times ${baseline}) | ${names.join(' | ')} |`,
    `|---|${'---|'.repeat(names.length)}`,
  ]
  for (const [test, row] of results) {
    const base = row.get(baseline)
    const cells = names.map((name) => {
      const rate = row.get(name)
      return rate === undefined ? '-' : `${(rate / 1000).toFixed(0)} (${(rate / base).toFixed(1)})`
    })
    lines.push(`| ${test} | ${cells.join(' | ')} |`)
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
        `<rect x="190" y="${y - 13}" width="${((rate / most) * BAR_WIDTH).toFixed(1)}" height="16" fill="${color}"/>`,
      )
      parts.push(text(196 + (rate / most) * BAR_WIDTH, y, `${(rate / 1000).toFixed(0)} k/s`))
    }
    y += 14
  }
  const size = `width="700" height="${y}" viewBox="0 0 700 ${y}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">\n<rect width="700" height="${y}" fill="white"/>\n${parts.join('\n')}\n</svg>\n`
}

function text(x, y, content, weight = 'normal') {
  return `<text x="${x.toFixed(1)}" y="${y}" font-weight="${weight}">${content}</text>`
}
