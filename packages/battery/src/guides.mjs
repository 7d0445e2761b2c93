/** The guides of docs/frameworks.md, which the battery runs as they are there. */
import { readFileSync } from 'node:fs'

const page = new URL('../../../docs/frameworks.md', import.meta.url)

/** The code below a heading, and the words of the command below that. */
export function guideOf(heading) {
  const text = readFileSync(page, 'utf8')
  const section = text.split(/^### /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  const [, code, command] = /^```js\n([^]*?)^```\n+^```sh\n(.*)\n```$/m.exec(section) ?? []
  if (command === undefined) throw new Error(`docs/frameworks.md has no guide "${heading}"`)
  return { code, command: command.split(' ') }
}

export function headings() {
  const guides = readFileSync(page, 'utf8')
    .split(/^## /m)
    .find((part) => part.startsWith('Guides\n'))
  return [...guides.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading)
}
