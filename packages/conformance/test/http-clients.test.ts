import { execFile, spawnSync } from 'node:child_process'
import http from 'node:http'
import path from 'node:path'
import { promisify } from 'node:util'
import axios from 'axios'
import { freePort, leftovers } from '@zerodrop/traffic'
import { Pool, request as undiciRequest } from 'undici'
import { Generations } from '../src/generations.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

const file = path.join(__dirname, '../fixtures/neighbours/server.mjs')
interface Answer {
  version: string
  bytes: number
}

type Ask = (url: string, body: string | undefined) => Promise<Answer>

/** Each client as its documentation says, none with a retry. */
const clients: Record<string, () => Ask> = {
  undici: () => {
    const pools = new Map<string, Pool>()
    undo.add(async () => {
      await Promise.all([...pools.values()].map((pool) => pool.close()))
    })
    return async (url, body) => {
      const { origin } = new URL(url)
      const dispatcher = pools.get(origin) ?? new Pool(origin, { connections: 4 })
      pools.set(origin, dispatcher)
      const answer = await undiciRequest(url, {
        dispatcher,
        ...(body === undefined ? {} : { method: 'POST', body }),
      })
      return (await answer.body.json()) as Answer
    }
  },
  fetch: () => async (url, body) => {
    const answer = await fetch(url, body === undefined ? {} : { method: 'POST', body })
    if (!answer.ok) throw new Error(`status ${answer.status}`)
    return (await answer.json()) as Answer
  },
  axios: () => {
    const httpAgent = new http.Agent({ keepAlive: true })
    undo.add(() => httpAgent.destroy())
    return async (url, body) => {
      const answer = await axios<Answer>({
        url,
        httpAgent,
        proxy: false,
        ...(body === undefined ? {} : { method: 'post', data: body }),
      })
      return answer.data
    }
  },
  'node:http with an agent': () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 })
    undo.add(() => agent.destroy())
    return (url, body) =>
      new Promise((resolve, reject) => {
        const request = http.request(
          url,
          { agent, method: body === undefined ? 'GET' : 'POST' },
          (response) => {
            let text = ''
            response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
            response.on('end', () => resolve(JSON.parse(text) as Answer)).on('error', reject)
          },
        )
        request.on('error', reject).end(body)
      })
  },
  curl: () => async (url, body) => {
    // Twice over one connection.
    const data = body === undefined ? [] : ['--data', body]
    const args = ['--silent', '--show-error', '--fail', '--noproxy', '*', ...data, url, url]
    const { stdout } = await promisify(execFile)('curl', args)
    const [first = '', second = ''] = stdout.split(/(?<=\})/)
    JSON.parse(first)
    return JSON.parse(second) as Answer
  },
}

const hasCurl = spawnSync('curl', ['--version']).error === undefined

const names = Object.keys(clients).filter((name) => name !== 'curl' || hasCurl)

/** Asks again and again, four requests at a time, half of them with a body, until it is told to stop. */
function askAgainAndAgain(ask: Ask, url: string) {
  const seen = { asked: 0, versions: new Set<string>(), wrong: [] as unknown[] }
  let isOver = false
  const workers = Array.from({ length: 4 }, async (_, worker) => {
    while (!isOver) {
      const body = worker % 2 === 0 ? undefined : 'x'.repeat(1 + (seen.asked % 1000))
      seen.asked++
      try {
        const answer = await ask(url, body)
        if (answer.bytes !== (body ?? '').length) seen.wrong.push(answer)
        seen.versions.add(answer.version)
      } catch (error) {
        seen.wrong.push(error)
      }
      // A client that waits a little has an idle connection, which is what moves.
      await new Promise((resolve) => setTimeout(resolve, seen.asked % 7))
    }
  })
  const stop = async (): Promise<void> => {
    isOver = true
    await Promise.all(workers)
  }
  return { seen, stop }
}

describePosix('the usual HTTP clients', () => {
  test('see no failed request across deploys, and repeat none', async () => {
    const port = await freePort()
    const generations = await Generations.start({ file, env: { PORT: String(port) } }, undo)
    const asking = names.map((name) => askAgainAndAgain(clients[name]!(), `http://127.0.0.1:${port}/`))
    for (const { stop } of asking) undo.add(stop)
    const answered = async (version: string): Promise<void> => {
      while (!asking.every(({ seen }) => seen.versions.has(version)))
        await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await answered('1')
    for (const version of ['2', '3', '4']) {
      await generations.restart()
      await answered(version)
    }
    const wrong = asking.map(({ seen }, index) => [names[index], [...seen.wrong]])
    expect(wrong).toEqual(names.map((name) => [name, []]))
    // Without a server, each client notices.
    generations.app.signal('SIGKILL', generations.pid)
    while (!asking.every(({ seen }) => seen.wrong.length > 0))
      await new Promise((resolve) => setTimeout(resolve, 10))
  })
})
