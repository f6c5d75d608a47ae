"""Checks of a page in the browser, JavaScript expressions."""

from tests.apps.playground.screenshots import visible

# Texts whose contrast with what is behind them is below 4.5, the limit of WCAG 2 (AA).
PALE = """(() => {
  const rgb = color => {
    const numbers = color.match(/[\\d.]+/g).map(Number)  // those of color(srgb ...) are up to 1
    return color.startsWith('color') ? numbers.map((v, i) => i < 3 ? 255 * v : v) : numbers
  }
  const light = color => {
    const [r, g, b] = color.map(v => v / 255).map(
      v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = e => {
    if (!e) return [255, 255, 255]
    const [r, g, b, alpha = 1] = rgb(getComputedStyle(e).backgroundColor)
    return alpha == 1 ? [r, g, b] : behind(e.parentElement).map(
      (v, i) => alpha * [r, g, b][i] + (1 - alpha) * v)
  }
  const isText = e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())
  return SHOWN.filter(isText).filter(e => {
    const [a, b] = [light(rgb(getComputedStyle(e).color).slice(0, 3)), light(behind(e))]
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5
  }).map(e => e.outerHTML.slice(0, 200))
})()""".replace("SHOWN", visible("body *"))

# Buttons and fields that a screen reader has no name for.
NAMELESS = """SHOWN.filter(e => !(e.innerText.trim() || e.ariaLabel || e.title
  || e.querySelector('img')?.alt || e.labels?.length)).map(e => e.outerHTML.slice(0, 200))
""".replace("SHOWN", visible("button, input, textarea, select"))
