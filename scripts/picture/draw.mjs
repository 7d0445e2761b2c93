/** Draws timelines of requests, one below the other: a lane for each client, a stroke for each request. */

const width = 860
const lane = 7
const lanes = 16
const panelHeight = lanes * lane + 44
/** Milliseconds before the signal, and at least after it. */
const before = 400
const after = 900

const style = `
text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #57606a; }
.title { font-weight: 600; fill: #1b1f24; }
path { fill: none; stroke-width: 4; }
.answered { stroke: #2da44e; } .lost { stroke: #cf222e; } .signal { stroke: #57606a; stroke-width: 1; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1; } .title { fill: #e6edf3; }
  .answered { stroke: #3fb950; } .lost { stroke: #ff6b64; } .signal { stroke: #9198a1; }
}`

/**
 * @typedef {{ client: string, outcome: string, from: number, to: number }} Request
 * @param {{ title: string, timeline: Request[], lost: number, requests: number, connections?: { kept: number, clients: number } }[]} panels
 */
export function draw(panels) {
  // No lane ends before the picture does.
  const end = Math.max(
    after,
    Math.min(...panels.map(({ timeline }) => Math.max(...timeline.map(({ to }) => to)))),
  )
  const height = panels.length * panelHeight + 18
  const label = panels.map(({ title, lost }) => `${title}: ${lost} requests lost`).join('. ')
  const body = panels.map((panel, index) => drawPanel(panel, index * panelHeight, end)).join('\n')
  const axis = `<text x="${x(0, end) + 4}" y="${height - 4}">restart signal</text><text x="${width}" y="${height - 4}" text-anchor="end">${(end / 1000).toFixed(1)} s later</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">
<style>${style}
</style>
${body}
${axis}
</svg>
`
}

function drawPanel({ title, timeline, lost, requests, connections }, top, end) {
  const shown = timeline.filter(({ from, to }) => to > -before && from < end)
  const clients = clientsOf(shown)
  const strokes = (isLost) =>
    shown
      .filter(({ client, outcome }) => clients.has(client) && (outcome !== 'answered') === isLost)
      .map(({ client, from, to }) => {
        const left = x(Math.max(from, -before), end)
        const length = Math.max(1.5, x(Math.min(to, end), end) - left)
        return `M${left} ${top + 30 + clients.get(client) * lane}h${Math.round(length * 10) / 10}`
      })
      .join('')
  const kept =
    connections === undefined ? '' : `, ${connections.kept} of ${connections.clients} connections kept`
  const bottom = top + 26 + lanes * lane
  return `<text class="title" y="${top + 16}">${title}</text>
<text x="${width}" y="${top + 16}" text-anchor="end">${requests.toLocaleString('en')} requests, ${lost} lost${kept}</text>
<path class="answered" d="${strokes(false)}"/>
<path class="lost" d="${strokes(true)}"/>
<path class="signal" d="M${x(0, end)} ${top + 22}V${bottom}"/>`
}

/** As many clients as there are lanes, those that lost something first. */
function clientsOf(requests) {
  const worst = new Map()
  for (const { client, outcome } of requests)
    worst.set(client, (worst.get(client) ?? 0) + (outcome === 'answered' ? 0 : 1))
  const order = [...worst].sort(([, one], [, other]) => other - one).map(([client]) => client)
  return new Map(order.slice(0, lanes).map((client, index) => [client, index]))
}

function x(time, end) {
  return Math.round(((time + before) / (before + end)) * width * 10) / 10
}
