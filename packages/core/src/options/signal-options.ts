import {
  defaultSignalTable,
  type SignalAction,
  type SignalMap,
  type SignalReaction,
  type SignalTable,
} from '../signals/signal-actions.ts'
import { type SignalPreset, signalPresets } from '../signals/presets.ts'
import { checkSignal, checkSignalExists } from '../signals/signal-name.ts'

/**
 * What each signal does, in addition to the defaults or to a preset. With `false`, zerodrop does not handle
 * the signal; that is also valid for signals that the platform does not have.
 */
export interface SignalOptions
  extends Readonly<Partial<Record<NodeJS.Signals, SignalAction | SignalReaction | false>>> {
  /** The system whose table replaces the defaults. */
  readonly preset?: SignalPreset
}

const actions = ['shutdown', 'restart', 'force', 'status', 'ignore']
const parts = ['action', 'before', 'after', 'hold']
const presets = Object.keys(signalPresets)

/** Throws the error for an invalid option. */
type Refuse = (name: string, expected: string, value: unknown) => never

/**
 * Checks the option `signals`.
 * @throws `ERR_ZERODROP_SIGNAL_UNKNOWN`, `ERR_ZERODROP_SIGNAL_UNSUPPORTED`, and what `refuse` throws
 */
export function checkSignalOptions(value: unknown, refuse: Refuse): void {
  const presetNames = quote(presets)
  if (typeof value === 'string') {
    if (!presets.includes(value)) refuse('signals', `one of ${presetNames}, or an object`, value)
    return
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse('signals', `an object from signal names to actions, or one of ${presetNames}`, value)
  }
  for (const [name, entry] of Object.entries(value)) {
    if (entry === undefined) continue
    if (name === 'preset') {
      if (!presets.includes(entry)) refuse('signals.preset', `one of ${presetNames}`, entry)
    } else if (entry === false) checkSignalExists(name)
    else {
      checkSignal(name)
      checkEntry(`signals.${name}`, entry, refuse)
    }
  }
}

function checkEntry(name: string, entry: unknown, refuse: Refuse): void {
  if (isAction(entry)) return
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    refuse(name, `one of ${quote(actions)}, a function, an object of ${quote(parts)}, or false`, entry)
  }
  for (const [part, value] of Object.entries(entry)) {
    if (value === undefined) continue
    if (!parts.includes(part)) refuse(`${name}.${part}`, `left out: there are ${quote(parts)}`, value)
    if (part === 'action' && !isAction(value))
      refuse(`${name}.action`, `one of ${quote(actions)}, or a function`, value)
    if (part === 'hold' && typeof value !== 'boolean') refuse(`${name}.hold`, 'true or false', value)
    if ((part === 'before' || part === 'after') && typeof value !== 'function')
      refuse(`${name}.${part}`, 'a function', value)
  }
}

function isAction(value: unknown): value is SignalAction {
  return typeof value === 'function' || actions.includes(value as string)
}

function quote(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ')
}

/** The option in its long form, without undefined entries. */
export function expandSignals(option: SignalPreset | SignalOptions | undefined): SignalOptions {
  if (typeof option === 'string') return { preset: option }
  return Object.fromEntries(Object.entries(option ?? {}).filter(([, value]) => value !== undefined))
}

/** Completes the option with the entries of its base table. */
export function signalTable({ preset, ...given }: SignalOptions): SignalTable {
  const table = preset === undefined ? defaultSignalTable : signalPresets[preset]
  const reactions: Record<string, SignalReaction> = { ...table.reactions }
  for (const [name, entry] of Object.entries(given)) {
    if (entry === false) delete reactions[name]
    else if (typeof entry === 'object') reactions[name] = { ...reactions[name], ...withoutUndefined(entry) }
    else reactions[name] = { action: entry }
  }
  const named = Object.keys(given)
  return { ...table, reactions: reactions as SignalMap, ...(named.length > 0 && { named }) }
}

function withoutUndefined(entry: SignalReaction): SignalReaction {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined))
}
