/** How two saved states differ, as a page. */

import {
  type BlockDifference,
  type Difference,
  type FieldDifference,
  isSame,
  kindOfChange,
  type SectionDifference,
} from "../../inspect/mod.ts";
import { changeOf } from "../wording/change.ts";
import { formatSize } from "../wording/format.ts";
import { type Figure, figuresOf } from "./figures.ts";
import { type Markup, markup, NOTHING, signed } from "./markup.ts";
import { leftOut, Rows } from "./rows.ts";
import { pageOf, type Written } from "./shell.ts";
import { STATE_STYLES } from "./state_styles.ts";

/** A page about two states. */
export interface DiffPage {
  readonly difference: Difference;
  /** Names of the files. */
  readonly old: string;
  readonly new: string;
  /** Rows of sections and fields that are shown at most. */
  readonly limit: number;
}

/** Renders the page; the text ends with a line feed. */
export function renderDiffPage(page: DiffPage, written: Written): string {
  const { difference, old, new: now, limit } = page;
  const { configuration, sections, ram } = difference;
  const rows = new Rows(limit);
  const all: SectionDifference[] = [
    ...configuration.length === 0 ? [] : [{
      ...{ name: "configuration", instanceId: 0, change: "changed" } as const,
      fields: configuration,
    }],
    ...sections,
  ];
  const shown = [...rows.fill(all, (section) => sectionArticle(section, rows))];
  const [mood, word] = isSame(difference)
    ? ["good", signed("✓", "No difference")]
    : ["careful", signed("▲", headline(difference))];
  return pageOf({
    title: `${old} → ${now}`,
    kind: "Comparison of saved states",
    body: markup`<article class="${mood} state">
<h2><span class="who">${old} → ${now}</span>
<span class="word">${word}</span></h2>
${isSame(difference) ? NOTHING : figuresOf(figures(difference))}
${memorySection(ram, rows)}
${
      all.length === 0
        ? NOTHING
        : markup`<section class="changes"><h3>Devices</h3>
${shown}${leftOut(all.length - shown.length, rows)}</section>`
    }
</article>`,
    styles: STATE_STYLES,
  }, written);
}

function headline({ configuration, sections, ram }: Difference): string {
  const count = sections.length + Number(configuration.length > 0);
  const what = [
    ...count === 0 ? [] : [counted(count, "section")],
    ...ram.length === 0 ? [] : ["guest memory"],
  ].join(" and ");
  return count === 1 && ram.length === 0
    ? `${what} differs`
    : count === 0
    ? "Guest memory differs"
    : `${what} differ`;
}

function figures({ configuration, sections, ram }: Difference): Figure[] {
  const counts = { added: 0, removed: 0, changed: 0 };
  for (const { change } of sections) counts[change]++;
  const fields = sections.reduce(
    (sum, section) => sum + section.fields.length,
    configuration.length,
  );
  const pages = ram.reduce(
    (sum, { pages }) =>
      sum + (pages?.changed ?? 0) + (pages?.onlyOld ?? 0) +
      (pages?.onlyNew ?? 0),
    0,
  );
  const others = counts.added + counts.removed === 0
    ? "none added or removed"
    : `${counts.added} added, ${counts.removed} removed`;
  return [
    { name: "Fields", value: String(fields), note: "differ" },
    { name: "Sections", value: String(counts.changed), note: others },
    {
      name: "Pages",
      value: String(pages),
      note: pages > 0
        ? "of guest memory differ"
        : ram.length > 0
        ? "could be compared"
        : "memory is the same",
    },
  ];
}

const MARKS = { added: "+", removed: "−" } as const;

function sectionArticle(
  { name, instanceId, change, fields }: SectionDifference,
  rows: Rows,
): Markup {
  const instance = instanceId === 0 ? NOTHING : `instance ${instanceId}`;
  if (change !== "changed") {
    return markup`<p class="row ${change}"><span class="name">${
      signed(MARKS[change], name)
    }</span> <span class="note">${instance} <b>${change}</b></span></p>
`;
  }
  const shown = [...rows.fill(fields, fieldRow)];
  return markup`<details open="">
<summary><span class="name">${name}</span> <span class="note">${instance}</span><span class="size">${
    counted(fields.length, "field")
  }</span></summary>
${
    shown.length === 0 ? NOTHING : markup`<table>
<thead><tr><th scope="col">Field</th><th scope="col">Old</th><th scope="col">New</th></tr></thead>
<tbody>
${shown}</tbody>
</table>
`
  }${leftOut(fields.length - shown.length, rows)}</details>
`;
}

function fieldRow(field: FieldDifference): Markup {
  const { from, to, hex = [], note } = changeOf(field);
  const kind = kindOfChange(field.old, field.new);
  const more = note === ""
    ? NOTHING
    : markup`<span class="note">${note}</span>`;
  const isOne = from === undefined && to === undefined;
  const values = isOne
    ? markup`<td colspan="2">${more}</td>`
    : markup`<td>${valueOf(from, hex[0])}</td><td>${
      valueOf(to, hex[1])
    }${more}</td>`;
  return markup`<tr class="${kind}"><th scope="row"><code>${
    breakable(field.path)
  }</code></th>${values}</tr>
`;
}

/** A path that is broken between its names. */
function breakable(path: string): Markup {
  const [first = "", ...rest] = path.split(/(?<=[./])/);
  return markup`${first}${rest.map((it) => markup`<wbr>${it}`)}`;
}

function valueOf(text: string | undefined, hex: string | undefined): Markup {
  if (text === undefined) return markup`–`;
  return markup`<code>${text}</code>${
    hex === undefined ? NOTHING : markup` <code class="hex">${hex}</code>`
  }`;
}

function memorySection(ram: Difference["ram"], rows: Rows): Markup {
  if (ram.length === 0) return NOTHING;
  const shown = [...rows.fill(ram, blockRow)];
  return markup`<section class="changes"><h3>Guest memory</h3>
<table>
<thead><tr><th scope="col">RAMBlock</th><th scope="col" class="figure">Old</th><th scope="col" class="figure">New</th></tr></thead>
<tbody>
${shown}</tbody>
</table>
${leftOut(ram.length - shown.length, rows)}</section>`;
}

function blockRow({ name, old, new: now, pages }: BlockDifference): Markup {
  const size = (block: typeof old) =>
    block === undefined ? "–" : formatSize(block.size);
  return markup`<tr><th scope="row"><code>${name}</code><span class="note">${
    pagesText(pages, old !== undefined && now !== undefined)
  }</span></th><td class="figure">${size(old)}</td><td class="figure">${
    size(now)
  }</td></tr>
`;
}

function pagesText(pages: BlockDifference["pages"], isBoth: boolean): string {
  if (pages === undefined) return isBoth ? "Pages cannot be compared" : "";
  const { changed, firstChanged, onlyOld, onlyNew } = pages;
  const at = firstChanged.map((offset) => `0x${offset.toString(16)}`).join(
    ", ",
  );
  const more = changed > firstChanged.length ? ", …" : "";
  return [
    ...changed === 0
      ? []
      : [`${counted(changed, "different page")}, at ${at}${more}`],
    ...onlyOld === 0
      ? []
      : [`${counted(onlyOld, "page")} only in the old stream`],
    ...onlyNew === 0
      ? []
      : [`${counted(onlyNew, "page")} only in the new stream`],
  ].join("; ");
}

/** 1 page, 2 pages. */
function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
