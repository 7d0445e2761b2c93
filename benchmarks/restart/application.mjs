/** What every server of the comparison answers: the routes that the traffic asks for. */
import { setTimeout as delay } from 'node:timers/promises'

export function application(request, response) {
  void answer(request, response)
}

async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://host')
  let bytes = 0
  for await (const chunk of request) bytes += chunk.length
  if (pathname === '/slow') await delay(Number(searchParams.get('ms')))
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ version: '1', pid: process.pid, bytes }))
}

export const port = Number(process.env.PORT)
export const say = (event) => console.log(JSON.stringify({ event, pid: process.pid }))
