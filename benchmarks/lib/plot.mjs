/** Draws bars with Vega-Lite, without a browser. */
import { importTool, installTools } from './tools.mjs'

/**
 * @typedef {{ title: string, bars: { of: string, value: number, text: string }[] }} Chart
 * @param {Chart} chart
 * @returns {Promise<string>} an SVG, of which the bars of zerodrop are green
 */
export async function barChart({ title, bars }) {
  installTools()
  const [{ compile }, { parse, View }] = await Promise.all([importTool('vega-lite'), importTool('vega')])
  const values = bars.map((bar) => ({ ...bar, ours: /^zerodrop\b/.test(bar.of) }))
  const order = bars.map(({ of }) => of)
  const y = { field: 'of', type: 'nominal', sort: order, title: null, axis: { domain: false, ticks: false } }
  const x = { field: 'value', type: 'quantitative', title: null, axis: null, scale: { type: 'sqrt' } }
  const { spec } = compile({
    // A white background, because the page may be dark.
    background: 'white',
    padding: 12,
    title: { text: title, anchor: 'start', offset: 12 },
    width: 320,
    height: { step: 26 },
    data: { values },
    encoding: { y, x },
    layer: [
      {
        mark: { type: 'bar', cornerRadiusEnd: 2 },
        encoding: {
          color: {
            condition: { test: 'datum.ours', value: '#1a7f37' },
            value: '#8c959f',
          },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 6 },
        encoding: { text: { field: 'text' } },
      },
    ],
    config: {
      font: 'system-ui, sans-serif',
      view: { stroke: null },
      axis: { labelFontSize: 12, labelLimit: 260 },
      text: { fontSize: 12 },
    },
  })
  return `${await new View(parse(spec), { renderer: 'none' }).toSVG()}\n`
}
