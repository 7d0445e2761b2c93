import type { ArrivedProbe } from '../health/intercept-probes.ts'
import type { HealthAnswer } from '../health/probes.ts'
import type { Parts } from './wiring.ts'

/** The answer to a health probe; undefined for any other request. */
export function answerHealth(
  { health, readiness }: Pick<Parts, 'health' | 'readiness'>,
  request: ArrivedProbe,
): Promise<HealthAnswer> | undefined {
  return health.answer(request, readiness.conditionFor(request))
}
