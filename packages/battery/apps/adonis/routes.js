import { setTimeout as delay } from 'node:timers/promises'
import router from '@adonisjs/core/services/router'

router.get('/', () => ({ pid: process.pid }))
router.get('/slow', async ({ request }) => {
  await delay(Number(request.qs().ms))
  return { pid: process.pid }
})
