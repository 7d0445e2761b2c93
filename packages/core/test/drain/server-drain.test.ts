import { serve } from './drained-server.ts'
import { turns } from '../turns.ts'

test('connections linger from the moment they can no longer move', async () => {
  const { open, drain, end, system } = serve({
    migrates: true,
    lingerTimeout: 1000,
    firstRequestTimeout: 1000,
  })
  const client = open()
  client.ask(1)
  await turns()
  client.responses[0]!.end()
  await turns()
  drain.start()
  drain.linger()
  system.advance(1000)
  await turns()
  expect(client.stream.readableEnded).toBe(false)
  drain.announce()
  system.advance(999)
  await turns()
  expect(client.stream.readableEnded).toBe(false)
  system.advance(1)
  await turns()
  expect(client.stream.readableEnded).toBe(true)
  end()
})

test('an idle connection that has not moved when the drain gives up is cut', async () => {
  const { open, drain, end, cut } = serve({ migrates: true })
  const client = open()
  client.ask(1)
  await turns()
  client.responses[0]!.end()
  await turns()
  drain.start()
  expect(drain.force(false)).toEqual([])
  expect(client.stream.destroyed).toBe(false)
  drain.giveUpMoving()
  expect(cut).toMatchObject([{ state: 'moving' }])
  expect(drain.tally.cut).toEqual(cut)
  end()
})
