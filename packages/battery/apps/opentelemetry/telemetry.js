import { NodeSDK } from '@opentelemetry/sdk-node'

/** Has what a batch processor has: a shutdown that takes a moment. */
const spanProcessor = {
  onStart() {},
  onEnd() {},
  forceFlush: async () => {},
  async shutdown() {
    globalThis.batteryCleanUp()
    await new Promise((resolve) => setTimeout(resolve, 50))
  },
}
const sdk = new NodeSDK({ spanProcessors: [spanProcessor] })
sdk.start()
process.on('SIGTERM', () => {
  sdk
    .shutdown()
    .catch((error) => console.error(error))
    .finally(() => process.exit(0))
})
