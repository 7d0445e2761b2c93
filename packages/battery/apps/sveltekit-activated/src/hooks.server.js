process.on('sveltekit:shutdown', () => globalThis.batteryCleanUp())
