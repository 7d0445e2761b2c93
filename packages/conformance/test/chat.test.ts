import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { freePort, leftovers } from '@zerodrop/traffic'
import WebSocket from 'ws'
import { type AppProcess, startApp } from '../src/app-process.ts'
import { repository } from '../src/repository.ts'
import { describePosix } from './support/site.ts'

const undo = leftovers()
afterEach(() => undo.disposeAll())

/** `examples/chat` in a folder of its own, where it can be deployed over. */
class Chat {
  readonly app: AppProcess
  readonly port: number
  readonly #folder: string

  private constructor(app: AppProcess, port: number, folder: string) {
    this.app = app
    this.port = port
    this.#folder = folder
  }

  /** @param edit changes its code */
  static async start(edit?: (folder: string) => void): Promise<Chat> {
    const folder = mkdtempSync(path.join(tmpdir(), 'zerodrop-'))
    undo.add(() => rmSync(folder, { recursive: true }))
    cpSync(path.join(repository, 'examples/chat'), folder, { recursive: true })
    symlinkSync(path.join(repository, 'node_modules'), path.join(folder, 'node_modules'))
    edit?.(folder)
    const port = await freePort()
    const env = { PORT: String(port), DATA: path.join(folder, 'data') }
    const app = await startApp({ file: path.join(folder, 'server.js'), env })
    undo.add(() => app.stop())
    await app.waitFor('listening')
    return new Chat(app, port, folder)
  }

  async deploy(version: string): Promise<void> {
    writeFileSync(path.join(this.#folder, 'version.txt'), version)
    const from = this.app.lines.length
    const before = this.app.signal('SIGHUP')
    await this.app.waitFor('listening', { from })
    await this.app.exitOf(before)
  }
}

interface Message {
  readonly id: number
  readonly name: string
  readonly text: string
  readonly version: string
}

/** A member of a room, with what it has seen. */
async function member(chat: Chat, name: string) {
  const socket = new WebSocket(`ws://127.0.0.1:${chat.port}/chat`)
  undo.add(() => socket.terminate())
  const seen: Message[] = []
  const others: string[] = []
  socket.on('message', (data: Buffer) => {
    const { type, ...message } = JSON.parse(data.toString()) as Message & { type: string }
    if (type === 'message') seen.push(message)
    else others.push(type)
  })
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'join', name, room: 'tests' }))
  const say = (text: string): void => socket.send(JSON.stringify({ type: 'say', text }))
  return { socket, seen, others, say }
}

describePosix('the chat of the examples', () => {
  test('loses no message and greets no client twice, whatever is deployed in the meantime', async () => {
    const chat = await Chat.start()
    const members = await Promise.all(['ann', 'ben', 'cem'].map((name) => member(chat, name)))
    let said = 0
    const talk = setInterval(() => {
      members[said % 3]!.say(`message ${said}`)
      said++
    }, 10)
    undo.add(() => clearInterval(talk))
    /** Resolves when each member has seen a message of this version: a deploy is not to come before. */
    const talksIn = async (version: string): Promise<void> => {
      for (const { socket, seen } of members)
        while (!seen.some((message) => message.version === version)) await once(socket, 'message')
    }
    await talksIn('1')
    for (const version of ['2', '3']) {
      await chat.deploy(version)
      await talksIn(version)
    }
    clearInterval(talk)
    for (const { socket, seen } of members) while (seen.length < said) await once(socket, 'message')
    for (const { seen, others } of members) {
      expect(seen.map(({ id }) => id)).toEqual(Array.from({ length: said }, (_, index) => index + 1))
      expect(new Set(seen.map(({ text }) => text)).size).toBe(said)
      expect([...new Set(seen.map(({ version }) => version))].sort((one, other) => +one - +other)).toEqual([
        '1',
        '2',
        '3',
      ])
      expect(others).toEqual(['welcome'])
    }
    expect(chat.app.stderr).not.toContain('ERR_ZERODROP')
  })
})

const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) =>
  existsSync(file),
)
// A browser is not part of what `npm ci` installs: on Debian it is the package chromium.
const describeInBrowser = chromium === undefined ? describe.skip : describePosix

/** In the page: fetches again and again, and counts. Chromium repeats a GET by itself, but not a POST. */
const fetchAgainAndAgain = `
  const asked = (globalThis.asked = { answered: 0, failed: 0, over: false })
  const ask = async (method) => {
    while (!asked.over) {
      try {
        await (await fetch('/', { method, cache: 'no-store', ...(method === 'POST' && { body: 'x' }) })).text()
        asked.answered++
      } catch {
        asked.failed++
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  void ask('GET')
  void ask('POST')
`

describeInBrowser('a page in Chromium', () => {
  const open = async (chat: Chat) => {
    const { chromium: browsers } = await import('playwright-core')
    const browser = await browsers.launch({ executablePath: chromium!, args: ['--no-sandbox'] })
    undo.add(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 640, height: 360 } })
    await page.goto(`http://127.0.0.1:${chat.port}/`)
    await page.waitForFunction("document.getElementById('socket').textContent === 'connected'")
    await page.waitForFunction("document.getElementById('clock').textContent.includes('version 1')")
    const say = async (text: string): Promise<void> => {
      await page.fill('#text', text)
      await page.press('#text', 'Enter')
    }
    return { page, say }
  }

  test('sees no fetch fail, and neither its WebSocket nor its event stream close, across three deploys', async () => {
    const chat = await Chat.start()
    const { page, say } = await open(chat)
    await page.evaluate(fetchAgainAndAgain)
    for (const version of ['2', '3', '4']) {
      const answered = (await page.evaluate('asked.answered')) as number
      await say(`before ${version}`)
      await chat.deploy(version)
      await page.waitForFunction(`asked.answered > ${answered + 2}`)
      await say(`after ${version}`)
      await page.waitForFunction(
        `document.getElementById('clock').textContent.includes('version ${version}')`,
      )
      await page.waitForFunction(
        `document.getElementById('messages').textContent.includes('after ${version} (version ${version})')`,
      )
      // For docs/images.
      const folder = process.env['ZERODROP_SCREENSHOTS']
      if (folder !== undefined) await page.screenshot({ path: path.join(folder, `chat-${version}.png`) })
    }
    await page.waitForFunction("document.querySelectorAll('#messages li').length === 6")
    expect(await page.evaluate('chat.closes()')).toBe(0)
    const seconds = (await page.evaluate('chat.clock.seen')) as number[]
    expect(seconds).toEqual(Array.from(seconds, (_, index) => seconds[0]! + index))
    expect(await page.textContent('#messages')).toContain('somebody: after 4 (version 4)')
    expect(await page.evaluate('asked.failed')).toBe(0)
    // Without a server, the page notices.
    chat.app.signal('SIGKILL')
    await page.waitForFunction('asked.failed > 0')
  })

  test('sees both close without the calls', async () => {
    const chat = await Chat.start((folder) => {
      const file = path.join(folder, 'server.js')
      const code = readFileSync(file, 'utf8')
      writeFileSync(file, `${code.slice(0, code.indexOf('lifecycle.handover.streams()'))}`)
    })
    const { page } = await open(chat)
    await chat.deploy('2')
    await page.waitForFunction("document.getElementById('clock').textContent.includes('version 2')")
    await page.waitForFunction("document.getElementById('socket').textContent === 'connected'")
    expect(await page.evaluate('chat.closes()')).toBe(2)
  })
})
