/** Draws bars with Vega-Lite, without a browser. */
import { importTool, installTools } from './tools.mjs'

/**
 * @typedef {object} Bar
 * @property {string} of what it stands for
 * @property {number} value
 * @property {string} text what is written beside it
 * @property {number[]} [interval] from where to where the value may lie
 * @property {boolean} [isOurs] by default, whether `of` begins with "zerodrop"
 *
 * @typedef {object} Chart
 * @property {string} title
 * @property {Bar[]} bars
 * @property {'linear' | 'sqrt'} [scale]
 * @property {{ value: number, text: string }} [goal] a dashed line
 */

/**
 * @param {Chart} chart
 * @returns {string} what the plot shows, for people who do not see it
 */
export function alternative({ title, bars, goal }) {
  const figures = bars.map(({ of, text }) => `${of}: ${text}`)
  const aim = goal === undefined ? '' : ` (goal: ${goal.text})`
  return `${title}${aim}. ${figures.join('; ')}`
}

/**
 * @param {Chart} chart
 * @returns {Promise<string>} an SVG, of which the bars of zerodrop are green
 */
export async function barChart({ title, bars, scale = 'linear', goal }) {
  installTools()
  const [{ compile }, { parse, View }] = await Promise.all([importTool('vega-lite'), importTool('vega')])
  const width = 320
  const values = bars.map(({ interval: [low, high] = [], isOurs, ...bar }) => ({
    ...bar,
    low,
    high,
    isOurs: isOurs ?? /^zerodrop\b/.test(bar.of),
  }))
  const order = bars.map(({ of }) => of)
  const y = { field: 'of', type: 'nominal', sort: order, title: null, axis: { domain: false, ticks: false } }
  const x = { type: 'quantitative', title: null, axis: null, scale: { type: scale } }
  const color = { condition: { test: 'datum.isOurs', value: '#1a7f37' }, value: '#8c959f' }
  const { spec } = compile({
    // A white background, because the page may be dark.
    background: 'white',
    padding: 12,
    title: {
      text: title,
      anchor: 'start',
      offset: 12,
      ...(goal && { subtitle: `The dashed line is the goal: ${goal.text}` }),
    },
    width,
    height: { step: 26 },
    data: { values },
    encoding: { y },
    layer: [
      {
        mark: { type: 'bar', cornerRadiusEnd: 2 },
        encoding: { x: { ...x, field: 'value' }, color },
      },
      {
        transform: [{ filter: 'isValid(datum.low)' }],
        mark: { type: 'rule', color: '#1f2328', strokeWidth: 1.5 },
        encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' } },
      },
      ...(goal
        ? [
            {
              data: { values: [{ goal: goal.value }] },
              mark: { type: 'rule', color: '#cf222e', strokeDash: [4, 3] },
              encoding: { x: { ...x, field: 'goal' }, y: null },
            },
          ]
        : []),
      {
        mark: { type: 'text', align: 'left' },
        encoding: { x: { value: width + 10 }, text: { field: 'text' } },
      },
    ],
    config: {
      font: 'system-ui, sans-serif',
      view: { stroke: null },
      axis: { labelFontSize: 12, labelLimit: 600 },
      text: { fontSize: 12 },
      title: { subtitleColor: '#57606a' },
    },
  })
  return `${await new View(parse(spec), { renderer: 'none' }).toSVG()}\n`
}
