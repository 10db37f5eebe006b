/** Some figures side by side, each with its name and a note. */

import { type Markup, markup, NOTHING } from "./markup.ts";

/** A figure with its name and a note. */
export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly note: string;
}

/** The figures that are known; nothing if there are none. */
export function figuresOf(all: readonly (Figure | undefined)[]): Markup {
  const figures = all.filter((figure) => figure !== undefined);
  if (figures.length === 0) return NOTHING;
  return markup`<dl class="figures">
${figures.map(figureItem)}</dl>`;
}

function figureItem({ name, value, note }: Figure): Markup {
  return markup`<div><dt>${name}</dt><dd>${value}</dd><dd class="note">${note}</dd></div>
`;
}
