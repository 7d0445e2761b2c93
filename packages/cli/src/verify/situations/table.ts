import { halfHead, silent, stalledHead } from './connections.ts'
import { brokenDeploy, twoDeploys } from './deploys.ts'
import { keepAliveRace } from './keep-alive-race.ts'
import { acceptQueue, arrived, flood, inFlight, pipelining, responseInProgress } from './requests.ts'
import { earlySignal, secondSignal } from './signals.ts'
import type { Situation } from './situation.ts'
import { eventStream, http2Streams, slowReader, webSocket } from './streams.ts'
import { continueUpload, endless, upload } from './uploads.ts'

/** All situations, in the order of the report. */
export const situations: readonly Situation[] = [
  keepAliveRace,
  arrived,
  inFlight,
  responseInProgress,
  slowReader,
  pipelining,
  halfHead,
  upload,
  continueUpload,
  acceptQueue,
  flood,
  http2Streams,
  webSocket,
  eventStream,
  silent,
  stalledHead,
  endless,
  secondSignal,
  earlySignal,
  brokenDeploy,
  twoDeploys,
]
