import { channel } from 'node:diagnostics_channel'
import net from 'node:net'
import { followExchanges } from '../../src/drain/follow-exchanges.ts'

test('sees only requests of its own server, and none after its release', () => {
  const [own, other] = [net.createServer(), net.createServer()]
  const heard: string[] = []
  const release = followExchanges(own, {
    onStart: () => heard.push('start'),
    onFinish: () => heard.push('finish'),
  })
  const publish = (server: net.Server): void => {
    channel('http.server.request.start').publish({ server })
    channel('http.server.response.finish').publish({ server })
  }
  publish(own)
  publish(other)
  release()
  publish(own)
  expect(heard).toEqual(['start', 'finish'])
})
