export default defineEventHandler(async (event) => {
  await new Promise((resolve) => setTimeout(resolve, Number(getQuery(event).ms)))
  return { pid: process.pid }
})
