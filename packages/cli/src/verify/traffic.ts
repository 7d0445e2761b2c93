/** What of our private clients is used here; the build puts their code into the published file. */
export {
  ConnectionGone,
  ConnectionRefused,
  freePort,
  LostRequest,
  RawClient,
  startDelayProxy,
} from '@zerodrop/traffic'
export type { DelayProxy, RawResponse, RequestOptions } from '@zerodrop/traffic'
