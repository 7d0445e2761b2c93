import channels from 'node:diagnostics_channel'

/**
 * Gives each test of a file its own lifecycle: a lifecycle watches servers for the life of its process, but
 * here its subscriptions end with the test, and all mocks are restored.
 * @returns the list to which a test adds its undos, which run after it, last added first
 */
export function undoAfterEach(): (() => unknown)[] {
  const undo: (() => unknown)[] = []
  const { subscribe } = channels
  beforeEach(() => {
    jest.spyOn(channels, 'subscribe').mockImplementation((name, handler) => {
      undo.push(() => channels.unsubscribe(name, handler))
      subscribe(name, handler)
    })
  })
  afterEach(async () => {
    for (const each of undo.splice(0).reverse()) await each()
    jest.restoreAllMocks()
  })
  return undo
}
