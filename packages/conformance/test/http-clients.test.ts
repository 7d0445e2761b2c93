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
const deploys = 2

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

const installed = Object.keys(clients).filter((name) => name !== 'curl' || hasCurl)

describePosix.each(installed)('requests of %s', (name) => {
  test('succeed across deploys, none of them repeated', async () => {
    const port = await freePort()
    const generations = await Generations.start({ file, env: { PORT: String(port) } }, undo)
    const ask = clients[name]!()
    const versions = new Set<string>()
    const wrong: unknown[] = []
    let asked = 0
    let over = false
    const workers = Array.from({ length: 4 }, async (_, worker) => {
      while (!over) {
        const body = worker % 2 === 0 ? undefined : 'x'.repeat(1 + (asked % 1000))
        asked++
        try {
          const answer = await ask(`http://127.0.0.1:${port}/`, body)
          if (answer.bytes !== (body ?? '').length) wrong.push(answer)
          versions.add(answer.version)
        } catch (error) {
          wrong.push(error)
        }
        // A client that waits a little has an idle connection, which is what moves.
        await new Promise((resolve) => setTimeout(resolve, asked % 7))
      }
    })
    for (let deploy = 0; deploy < deploys; deploy++) {
      await generations.restart()
      const before = asked
      while (asked < before + 40) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    over = true
    await Promise.all(workers)
    expect(wrong).toEqual([])
    expect([...versions].sort()).toEqual(['1', '2', '3'])
  })
})
