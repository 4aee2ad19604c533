/** Colours that are told apart on light and dark paper, also by most people who see fewer. */
const COLOURS = ['#2f6fde', '#d9711c', '#1d9a6c', '#c2408f', '#8a63d2', '#b08a00', '#0d93b0', '#d1495b'];
/** The golden angle: neighbours in a long row are far apart. */
const ANGLE = 137.508;

/** The colour of the run at a place of the list. */
export function colourOf(place: number): string {
  return COLOURS[place] ?? `hsl(${(place * ANGLE) % 360} ${place % 2 ? 55 : 75}% 48%)`;
}

/** Of the series of one run, which share its colour. */
export const DASHES: readonly (readonly number[])[] = [[], [6, 4], [2, 3], [10, 3, 2, 3], [1, 5]];
