import { json } from '@sveltejs/kit'

export async function GET({ url }) {
  await new Promise((resolve) => setTimeout(resolve, Number(url.searchParams.get('ms'))))
  return json({ pid: process.pid })
}
