/** The private client code that verify uses. The build bundles it into the published file. */
export {
  ConnectionGone,
  ConnectionRefused,
  freePort,
  LostRequest,
  RawClient,
  startDelayProxy,
} from '@zerodrop/traffic'
export type { DelayProxy, RawResponse, RequestOptions } from '@zerodrop/traffic'
