import { defineNitroPlugin } from 'nitro/runtime'

export default defineNitroPlugin((nitro) => {
  nitro.hooks.hook('close', () => globalThis.batteryCleanUp())
})
