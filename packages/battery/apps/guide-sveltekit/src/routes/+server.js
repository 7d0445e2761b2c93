import { json } from '@sveltejs/kit'

export const GET = () => json({ pid: process.pid })
