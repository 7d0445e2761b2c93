import { defineHandler, getQuery } from 'nitro/h3'

export default defineHandler(async (event) => {
  await new Promise((resolve) => setTimeout(resolve, Number(getQuery(event).ms)))
  return { pid: process.pid }
})
