/** Colours for a terminal. */

/** The meaning of a colour. */
export type Tone = "good" | "careful" | "bad" | "busy" | "faint" | "strong";

const CODES: Readonly<Record<Tone, readonly [on: number, off: number]>> = {
  good: [32, 39],
  careful: [33, 39],
  bad: [31, 39],
  busy: [36, 39],
  faint: [2, 22],
  strong: [1, 22],
};

/** Colours a text. */
export type Paint = (text: string, tone?: Tone) => string;

/** A painter; without colour it returns texts unchanged. */
export function painter(colour: boolean): Paint {
  if (!colour) return (text) => text;
  return (text, tone) => {
    if (tone === undefined || text === "") return text;
    const [on, off] = CODES[tone];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  };
}
