import type { Way } from './keep-pid-host.ts'
import type { Host } from './keep-pid-hosts.ts'

interface Counts {
  readonly requests: number
  readonly lost: number
  readonly refused: number
  readonly kept: number
  readonly clients: number
}

interface Cell {
  counts?: Counts
  isWhole?: boolean
  refusal?: string
  crashes: string[]
}

const ways: readonly Way[] = ['plain', 'lazy keeper', 'zerodrop run']

/** What a battery saw, as a table with a row for each host and a column for each way. */
export class Matrix {
  readonly #hosts: readonly Host[]
  readonly #cells = new Map<string, Cell>()

  constructor(hosts: readonly Host[]) {
    this.#hosts = hosts
  }

  set(host: Host, way: Way, counts: Counts): void {
    this.#cell(host, way).counts = counts
  }

  passed(host: Host, way: Way): void {
    this.#cell(host, way).isWhole = true
  }

  refused(host: Host, way: Way, said: string): void {
    this.#cell(host, way).refusal = said.startsWith('ERR')
      ? `refused: ${said}`
      : 'the pid changes, and it says so'
  }

  crashed(host: Host, way: Way, [code, signal]: readonly [number | null, NodeJS.Signals | null]): void {
    this.#cell(host, way).crashes.push(String(signal ?? code))
  }

  toString(): string {
    const rows = this.#hosts.map((host) => [host.name, ...ways.map((way) => this.#text(host, way))])
    const lines = [['host', ...ways], ['host', ...ways].map(() => '---'), ...rows]
    return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
  }

  #cell(host: Host, way: Way): Cell {
    const key = `${host.name}/${way}`
    const cell = this.#cells.get(key) ?? { crashes: [] }
    this.#cells.set(key, cell)
    return cell
  }

  #text(host: Host, way: Way): string {
    if (host.wrap === undefined) return `not run: needs ${host.needs}`
    const { counts, isWhole, refusal, crashes } = this.#cell(host, way)
    if (refusal !== undefined) return refusal
    if (counts === undefined) return 'not run'
    const { requests, lost, refused, kept, clients } = counts
    const figures = `${requests.toLocaleString('en')} requests, ${lost} lost, ${refused} refused, ${kept} of ${clients} kept`
    const statuses = crashes.length > 0 ? `; crashes ${crashes.join(', ')}` : ''
    return `${isWhole === true ? '' : 'FAILED: '}${figures}${statuses}`
  }
}
