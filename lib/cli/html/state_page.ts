/** What is in a saved state, as a page. */

import { codeOf, remedyOf } from "../../errors.ts";
import {
  type CprStateInspection,
  type InspectedSection,
  type Inspection,
  scalarText,
  type StreamInspection,
  type TreeLine,
  treeOf,
  uuidText,
} from "../../inspect/mod.ts";
import {
  RAM_SECTION,
  type RamBlockStatistics,
} from "../../migration/stream/mod.ts";
import { formatSize } from "../wording/format.ts";
import { type Figure, figuresOf } from "./figures.ts";
import { type Markup, markup, NOTHING, signed } from "./markup.ts";
import { leftOut, Rows } from "./rows.ts";
import { errorSection } from "./sections.ts";
import { pageOf, type Written } from "./shell.ts";
import { STATE_STYLES } from "./state_styles.ts";

/** A page about a saved state, or what was chosen of it. */
export interface StatePage {
  readonly inspection: Inspection;
  readonly sections: readonly InspectedSection[];
  /** Rows of sections and fields that are shown at most. */
  readonly limit: number;
}

/** Renders the page; the text ends with a line feed. */
export function renderStatePage(
  { inspection, sections, limit }: StatePage,
  written: Written,
): string {
  const rows = new Rows(limit);
  return pageOf({
    title: inspection.file,
    kind: "Saved state",
    body: inspection.format === "cpr-state"
      ? cprArticle(inspection, rows)
      : streamArticle(inspection, sections, rows),
    styles: STATE_STYLES,
  }, written);
}

function streamArticle(
  inspection: StreamInspection,
  sections: readonly InspectedSection[],
  rows: Rows,
): Markup {
  const { file, problem, decoded: { configuration } } = inspection;
  const [mood, word] = problem === undefined
    ? ["good", markup`${configuration?.machine ?? "Migration stream"}`]
    : ["bad", signed("✕", "Damaged")];
  return markup`<article class="${mood} state">
<h2><span class="who">${file}</span>
<span class="word">${word}</span></h2>
<p class="lead">${leadOf(inspection)}</p>
${problem === undefined ? NOTHING : problemSection(problem)}
${figuresOf(figures(inspection))}
${partsSection(inspection)}
${memorySection(inspection, rows)}
${sectionsSection(sections, rows)}
${streamSection(inspection)}
</article>`;
}

function leadOf({ problem, decoded: { vmdesc } }: StreamInspection): string {
  if (problem !== undefined) return "What could be read up to the damage";
  return vmdesc === undefined
    ? "A migration stream without a description: fields are not known"
    : "A migration stream, read to its end";
}

function problemSection(problem: Error): Markup {
  return errorSection({
    code: codeOf(problem),
    message: problem.message,
    remedy: remedyOf(problem) ?? null,
    qemu: null,
  });
}

function figures(inspection: StreamInspection): Figure[] {
  const { size, ram, sections } = inspection;
  const devices = devicesOf(sections);
  const memory = ram.reduce((sum, block) => sum + block.size, 0);
  const sent = ram.reduce((sum, block) => sum + block.sentBytes, 0);
  return [
    { name: "Size", value: formatSize(size), note: `${size} bytes` },
    {
      name: "Sections",
      value: String(sections.length),
      note: `${formatSize(sizeOf(devices))} of devices`,
    },
    {
      name: "Guest memory",
      value: formatSize(memory),
      note: sent === 0 ? "not sent" : `${formatSize(sent)} sent`,
    },
  ];
}

function devicesOf(
  sections: readonly InspectedSection[],
): readonly InspectedSection[] {
  return sections.filter(({ name }) => name !== RAM_SECTION.name);
}

function sizeOf(sections: readonly InspectedSection[]): number {
  return sections.reduce((sum, { size }) => sum + size, 0);
}

/** A part of the stream. */
interface Part {
  readonly name: string;
  readonly tone: string;
  readonly bytes: number;
}

function partsSection(inspection: StreamInspection): Markup {
  const { size, sections, decoded, undescribed, problem } = inspection;
  const devices = sizeOf(devicesOf(sections));
  const known: Part[] = [
    { name: "Guest memory", tone: "memory", bytes: sizeOf(sections) - devices },
    { name: "Devices", tone: "devices", bytes: devices },
    {
      name: "Description",
      tone: "description",
      bytes: decoded.vmdesc?.text.length ?? 0,
    },
    { name: "Not read", tone: "unread", bytes: undescribed?.size ?? 0 },
  ];
  const rest = size - known.reduce((sum, { bytes }) => sum + bytes, 0);
  const all = [
    ...known,
    {
      name: problem === undefined ? "The rest" : "The rest, not read",
      tone: problem === undefined ? "rest" : "unread",
      bytes: rest,
    },
  ];
  const parts = all.filter(({ bytes }) => bytes > 0);
  return markup`<section class="parts"><h3>By size</h3>
${stackedBar(parts)}
<ul>${
    parts.map(({ name, tone, bytes }) =>
      markup`<li><span class="key ${tone}"></span>${name} <span class="note">${
        formatSize(bytes)
      }</span></li>
`
    )
  }</ul>
</section>`;
}

/** Parts side by side, by their share. */
function stackedBar(parts: readonly Part[]): Markup {
  const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  let before = 0;
  return markup`<svg class="stack" width="100%" height="14" aria-hidden="true">${
    parts.map(({ tone, bytes }) => {
      const x = percent(before / total);
      before += bytes;
      return markup`<rect class="${tone}" x="${x}" y="0" width="${
        percent(bytes / total)
      }"/>`;
    })
  }</svg>`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}

function memorySection({ ram, decoded }: StreamInspection, rows: Rows): Markup {
  if (ram.length === 0) return NOTHING;
  const { pageSize } = decoded.layout;
  const isSent = ram.some(({ sentBytes, zeroPages }) =>
    sentBytes + zeroPages > 0
  );
  const pagesOf = (block: RamBlockStatistics) =>
    isSent ? pagesCell(block, pageSize) : NOTHING;
  const shown = [...rows.fill(ram, (block) => blockRow(block, pagesOf(block)))];
  const head = isSent
    ? markup`<th scope="col" class="pages">Pages</th>`
    : NOTHING;
  return markup`<section class="memory"><h3>Guest memory</h3>
<table>
<thead><tr><th scope="col">RAMBlock</th>${head}<th scope="col" class="figure">Size</th></tr></thead>
<tbody>
${shown}</tbody>
</table>
${leftOut(ram.length - shown.length, rows)}</section>`;
}

function blockRow({ name, size }: RamBlockStatistics, pages: Markup): Markup {
  return markup`<tr>
<th scope="row"><code>${name}</code></th>
${pages}<td class="figure">${formatSize(size)}</td>
</tr>
`;
}

/** Pages that are sent again are counted again. */
function pagesCell(block: RamBlockStatistics, pageSize: number): Markup {
  const { size, pages, zeroPages, xbzrlePages, compressedPages } = block;
  const content = pages + xbzrlePages + compressedPages;
  const most = Math.max(Math.ceil(size / pageSize), content + zeroPages);
  const parts = [
    { name: "with content", tone: "memory", bytes: content },
    { name: "of zeros", tone: "zeros", bytes: zeroPages },
    { name: "", tone: "unsent", bytes: most - content - zeroPages },
  ];
  const told = [
    ...content === 0 ? [] : [`${content} with content`],
    ...zeroPages === 0 ? [] : [`${zeroPages} of zeros`],
  ];
  const isSent = told.length > 0;
  return markup`<td class="pages">${
    isSent ? stackedBar(parts) : NOTHING
  }<span class="note">${isSent ? told.join(", ") : "none sent"}</span></td>
`;
}

function sectionsSection(
  sections: readonly InspectedSection[],
  rows: Rows,
): Markup {
  const devices = devicesOf(sections);
  if (devices.length === 0) return NOTHING;
  const largest = devices.reduce((most, { size }) => Math.max(most, size), 1);
  const shown = [
    ...rows.fill(devices, (section) => sectionItem(section, largest, rows)),
  ];
  return markup`<section class="sections"><h3>Devices</h3>
${shown}${leftOut(devices.length - shown.length, rows)}</section>`;
}

/** A smaller share would be a dot. */
const VISIBLE = 0.02;

function sectionItem(
  section: InspectedSection,
  largest: number,
  rows: Rows,
): Markup {
  const { name, instanceId, version, size, offset } = section;
  const share = percent(size < largest * VISIBLE ? 0 : size / largest);
  return markup`<details>
<summary><span class="name">${name}</span> <span class="note">${
    instanceId === 0 ? NOTHING : `instance ${instanceId}`
  }</span><span class="size" style="--share: ${share}">${
    formatSize(size)
  }</span></summary>
<p class="note">Version ${version}, ${
    size === 1 ? "1 byte" : `${size} bytes`
  } at offset ${offset}</p>
${fieldsOf(section, rows)}
</details>
`;
}

function fieldsOf({ state }: InspectedSection, rows: Rows): Markup {
  if (state === undefined) {
    return markup`<p>In a format that only its own code can parse</p>`;
  }
  if (state instanceof Uint8Array) {
    const text = scalarText("buffer", state);
    return markup`<p>Not described: <code>${text}</code></p>`;
  }
  const lines = [...rows.fill(treeOf(state), fieldRow)];
  const more = rows.isFull ? markup`<p class="note">…</p>` : NOTHING;
  return markup`<dl class="fields">
${lines}</dl>${more}`;
}

function fieldRow({ depth, name, text, offset }: TreeLine): Markup {
  const place = offset === undefined ? "" : `offset ${offset}`;
  const value = text === "" ? NOTHING : markup`<code>${text}</code>`;
  return markup`<div title="${place}" style="--depth: ${depth}"><dt>${name}</dt><dd>${value}</dd></div>
`;
}

/** What is sent of the stream itself. */
function streamSection(inspection: StreamInspection): Markup {
  const { decoded } = inspection;
  const { configuration, layout, vmdesc, trailing } = decoded;
  const { capabilities = [], uuid } = configuration ?? {};
  const rows: (readonly [string, string])[] = [
    ["Page size", `${layout.pageSize} bytes`],
    ...capabilities.length === 0
      ? []
      : [["Capabilities", capabilities.join(", ")] as const],
    ...uuid === undefined ? [] : [["UUID", uuidText(uuid)] as const],
    ["Description", vmdesc === undefined ? "none" : `at ${vmdesc.offset}`],
    ...trailing.length === 0
      ? []
      : [["Bytes after it", String(trailing.length)] as const],
  ];
  return markup`<section class="identity"><h3>The stream</h3>
<dl>
${
    rows.map(([name, value]) =>
      markup`<div><dt>${name}</dt><dd>${value}</dd></div>
`
    )
  }</dl>
</section>`;
}

function cprArticle(
  { file, size, state, transferred }: CprStateInspection,
  rows: Rows,
): Markup {
  const { descriptors, vfioDevices = [] } = state;
  const shown = [
    ...rows.fill(
      descriptors,
      ({ name, id, descriptor }) =>
        markup`<tr><th scope="row"><code>${name}</code></th><td>${id}</td><td class="figure">${
          transferred ? "–" : descriptor
        }</td></tr>
`,
    ),
  ];
  const mode = transferred ? "cpr-transfer" : "cpr-exec";
  return markup`<article class="good state">
<h2><span class="who">${file}</span>
<span class="word">CPR state</span></h2>
<p class="lead">The descriptors that a ${mode} hands over</p>
${
    figuresOf([
      { name: "Size", value: formatSize(size), note: `${size} bytes` },
      {
        name: "Descriptors",
        value: String(descriptors.length),
        note: transferred ? "sent alongside" : "kept by their numbers",
      },
      vfioDevices.length === 0 ? undefined : {
        name: "VFIO devices",
        value: String(vfioDevices.length),
        note: vfioDevices.map(({ name }) => name).join(", "),
      },
    ])
  }
<section><h3>Descriptors</h3>
<table>
<thead><tr><th scope="col">Name</th><th scope="col">Id</th><th scope="col" class="figure">Descriptor</th></tr></thead>
<tbody>
${shown}</tbody>
</table>
${leftOut(descriptors.length - shown.length, rows)}</section>
</article>`;
}
