import { setTimeout as delay } from 'node:timers/promises'

export async function loader({ request }) {
  await delay(Number(new URL(request.url).searchParams.get('ms')))
  return Response.json({ pid: process.pid })
}
