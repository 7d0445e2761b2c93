import yoctocolors from 'yoctocolors'

export type Colour = 'red' | 'green' | 'gray' | 'bold' | 'dim'
export type Paint = (colour: Colour, text: string) => string

/** Colours text if the stream is a terminal with colours. `NO_COLOR` and `FORCE_COLOR` override this. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const { NO_COLOR: never, FORCE_COLOR: always } = process.env
  const wanted = always !== undefined ? always !== '0' : stream.isTTY && stream.hasColors()
  return (never === undefined || never === '') && wanted
    ? (colour, text) => yoctocolors[colour](text)
    : (_, text) => text
}
