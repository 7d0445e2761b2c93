import { readFileSync } from 'node:fs'
import { graceful, lifecycle } from '@zerodrop/express'
import express from 'express'
import { WebSocketServer } from 'ws'
import { Room } from './room.js'

// Change version.txt to simulate a deploy: each generation reads it once, at its start.
const version = readFileSync(new URL('version.txt', import.meta.url), 'utf8').trim()
const app = express()

app.use(graceful())
app.use(express.static(new URL('public', import.meta.url).pathname))

/** @type {Map<string, Room>} */
const rooms = new Map()
const roomOf = (name) => {
  if (!rooms.has(name)) rooms.set(name, new Room(name))
  return rooms.get(name)
}

// A clock as an event stream. Event ids are seconds, so that a client of the old version continues after its last event.
app.get('/clock', (request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  let last = Number(request.get('last-event-id') ?? Math.floor(Date.now() / 1000) - 1)
  const tick = () => {
    for (const now = Math.floor(Date.now() / 1000); last < now; ) {
      last++
      response.write(`id: ${last}\ndata: ${JSON.stringify({ time: last, version })}\n\n`)
    }
  }
  tick()
  const timer = setInterval(tick, 200)
  response.on('close', () => clearInterval(timer))
  // Aborts at a stop, but not for a stream that moves to a new version.
  request.draining.addEventListener('abort', () => response.end())
})

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(JSON.stringify({ event: 'listening', pid: process.pid, port: server.address().port, version }))
})

const wss = new WebSocketServer({ server, path: '/chat' })
/** The member of each WebSocket. */
const members = new Map()

wss.on('connection', (webSocket, request) => {
  const restored = lifecycle.handover.restored(request)
  const member = restored ?? { name: 'somebody', room: 'lobby', last: 0 }
  members.set(webSocket, member)
  join(webSocket, member)
  // Greet only new clients. A client that moved here does not notice the restart.
  if (restored === undefined) webSocket.send(JSON.stringify({ type: 'welcome', version }))

  webSocket.on('message', (data) => {
    const { type, ...rest } = JSON.parse(data)
    if (type === 'join') {
      roomOf(member.room).leave(webSocket)
      Object.assign(member, { name: rest.name, room: rest.room, last: 0 })
      join(webSocket, member)
    } else if (type === 'say') {
      roomOf(member.room).say(member.name, rest.text, version)
    }
  })
  webSocket.on('error', () => {})
  webSocket.on('close', () => {
    roomOf(member.room).leave(webSocket)
    members.delete(webSocket)
  })
})

/** Sends a member the messages of its room that it has not seen, and every later message. */
function join(webSocket, member) {
  roomOf(member.room).join(webSocket, member.last, (message) => {
    member.last = message.id
    webSocket.send(JSON.stringify({ type: 'message', ...message }))
  })
}

lifecycle.handover.streams()
lifecycle.handover.websockets(wss, {
  // The member leaves the room in this process, and joins it in the next process with the id of the last message it saw.
  save(webSocket) {
    const member = members.get(webSocket)
    roomOf(member.room).leave(webSocket)
    members.delete(webSocket)
    return member
  },
  stay(webSocket, member) {
    members.set(webSocket, member)
    join(webSocket, member)
  },
})
