import { MessageHandlers } from '../../src/handover/message-handlers.ts'

test('calls the handlers of a type until they are removed', () => {
  const handlers = new MessageHandlers()
  const heard: string[] = []
  const release = handlers.add('ready', () => heard.push('first'))
  handlers.add('ready', (_body, handle) => heard.push(`second with ${handle as string}`))
  handlers.add('restart', () => heard.push('another type'))
  handlers.call({ type: 'ready' }, 'a handle')
  release()
  handlers.call({ type: 'ready' }, 'another')
  expect(heard).toEqual(['first', 'second with a handle', 'second with another'])
})

test('a handler added during a call gets the next message', () => {
  const handlers = new MessageHandlers()
  let heard = 0
  handlers.add('ready', () => void handlers.add('ready', () => heard++))
  handlers.call({ type: 'ready' }, undefined)
  expect(heard).toBe(0)
  handlers.call({ type: 'ready' }, undefined)
  expect(heard).toBe(1)
})
