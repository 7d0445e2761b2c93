import { readFileSync } from 'node:fs'
import { graceful, lifecycle } from '@zerodrop/express'
import express from 'express'
import { WebSocketServer } from 'ws'
import { Room } from './room.js'

// A deploy is a new value in this file: each generation reads it as it starts.
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

// A clock as an event stream. Its ids are seconds, so that a client that comes from the old version goes on behind its last.
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
  // At a stop. A stream that moves to a new version is not told.
  request.draining.addEventListener('abort', () => response.end())
})

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(JSON.stringify({ event: 'listening', pid: process.pid, port: server.address().port, version }))
})

const wss = new WebSocketServer({ server, path: '/chat' })
/** Who is behind each WebSocket. */
const members = new Map()

wss.on('connection', (webSocket, request) => {
  const restored = lifecycle.handover.restored(request)
  const member = restored ?? { name: 'somebody', room: 'lobby', last: 0 }
  members.set(webSocket, member)
  join(webSocket, member)
  // Only clients that are new are greeted: the others do not know that anything has happened.
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

/** Sends what a member has not seen of a room, and all that comes. */
function join(webSocket, member) {
  roomOf(member.room).join(webSocket, member.last, (message) => {
    member.last = message.id
    webSocket.send(JSON.stringify({ type: 'message', ...message }))
  })
}

lifecycle.handover.streams()
lifecycle.handover.websockets(wss, {
  // The member leaves the room of this process, and enters that of the next with the number of the last message it saw.
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
