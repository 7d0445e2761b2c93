import { after } from 'next/server'

export const dynamic = 'force-dynamic'

const delay = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

export async function GET(request) {
  await delay(Number(new URL(request.url).searchParams.get('ms')))
  after(() => delay(50))
  return Response.json({ pid: process.pid })
}
