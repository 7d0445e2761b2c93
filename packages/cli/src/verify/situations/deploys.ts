import { keepAliveRace } from './keep-alive-race.ts'
import type { Situation } from './situation.ts'

export const brokenDeploy: Situation = {
  ...keepAliveRace,
  name: 'broken-deploy',
  title: 'broken deploy',
  does: `${keepAliveRace.does}, and the new version cannot start`,
  judges: 'the old version keeps serving, and every request is answered',
  at: ['restart'],
  event: 'broken',
  skip: ({ broken }) =>
    broken === undefined
      ? 'it needs --break and --mend, commands that make the next version a broken one and mend it'
      : undefined,
}

export const twoDeploys: Situation = {
  ...keepAliveRace,
  name: 'two-deploys',
  title: 'two deploys in a row',
  does: `${keepAliveRace.does}, and a second deploy begins while the first is under way`,
  judges: 'every request is answered, and what serves in the end was started after the second',
  at: ['restart'],
  event: 'twice',
}
