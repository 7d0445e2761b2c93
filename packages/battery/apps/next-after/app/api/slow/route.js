import { setTimeout as delay } from 'node:timers/promises'
import { after } from 'next/server'

export const dynamic = 'force-dynamic'

export async function GET(request) {
  globalThis.batteryAfter.begun++
  // A protocol that is written behind the response.
  after(async () => {
    await delay(300)
    globalThis.batteryAfter.done++
  })
  await delay(Number(request.nextUrl.searchParams.get('ms')))
  return Response.json({ pid: process.pid })
}
