// Bars of tests as SVG: the length is the median, the whisker the quartiles.
const WIDTH = 800
const LEFT = 220
const BAR_WIDTH = 320
const ROW_HEIGHT = 22
const COLORS = { own: '#2a6f97', other: '#b0b7bf', whisker: '#333' }

/** `caption` stands above, where the plot stands alone. */
export function bars(tests, caption) {
  let y = 4
  const parts = []
  if (caption !== undefined) {
    y += 18
    parts.push(text(10, y, caption))
  }
  for (const { name, unit, better, baseline, results } of tests) {
    const most = Math.max(...results.map(({ high }) => high)) || 1
    const x = (value) => (value / most) * BAR_WIDTH
    y += 20
    parts.push(text(10, y, `${name} (${unit}; ${better} is better)`, 'font-weight="bold"'))
    for (const result of results) {
      y += ROW_HEIGHT
      const color = isOwn(result.name) ? COLORS.own : COLORS.other
      parts.push(text(10, y, result.name))
      parts.push(rect(LEFT, y - 13, x(result.median), 16, color))
      parts.push(
        rect(LEFT + x(result.low), y - 6, Math.max(1, x(result.high) - x(result.low)), 2, COLORS.whisker),
      )
      const times = result.ratio === undefined || result.name === baseline ? '' : timesOf(result.ratio)
      parts.push(text(LEFT + 8 + x(result.high), y, `${short(result.median)}${times}`))
    }
    y += 16
  }
  return svg(WIDTH, y, parts)
}

export function svg(width, height, parts) {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12"><rect width="${width}" height="${height}" fill="white"/>\n${parts.join('\n')}\n</svg>`
}

export function text(x, y, content, more = '') {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(content)}</text>`
}

export function rect(x, y, width, height, fill) {
  return `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height}" fill="${fill}"/>`
}

export function escape(content) {
  return String(content).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Three digits, and k or M behind them. */
export function short(value) {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`
  return String(Number(value.toPrecision(3)))
}

function timesOf({ median, low, high }) {
  return `, ${median.toFixed(2)} times (${low.toFixed(2)} to ${high.toFixed(2)})`
}

function isOwn(name) {
  return /larder|storage/i.test(name)
}
