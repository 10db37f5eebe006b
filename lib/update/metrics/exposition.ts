/**
 * The subset of Prometheus's text format that is written here, for the textfile
 * collector of node_exporter:
 *
 * ```
 * # HELP NAME words
 * # TYPE NAME gauge
 * NAME{label="value",…} 1
 * ```
 *
 * In a value `\`, `"` and the line feed are written `\\`, `\"` and `\n`.
 *
 * @module
 */

/** One value with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Samples of one name. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  readonly samples: readonly Sample[];
}

/** A sample that was read, with its family's name. */
export type NamedSample = Sample & { readonly name: string };

/** Writes families, one after another. */
export function renderFamilies(families: readonly Family[]): string {
  return families.flatMap(({ name, help, type, samples }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(({ labels, value }) => `${name}${braced(labels)} ${value}`),
  ]).map((line) => `${line}\n`).join("");
}

function braced(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) =>
    `${key}="${escaped(value)}"`
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')
    .replaceAll("\n", "\\n");
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/s;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/sy;

/** Reads samples; ignores lines of any other form. */
export function* parseSamples(text: string): Generator<NamedSample> {
  for (const line of text.split("\n")) {
    const [, name, inBraces = "", number] = LINE.exec(line) ?? [];
    const labels = parseLabels(inBraces);
    const value = Number(number);
    if (name === undefined || labels === undefined) continue;
    if (Number.isFinite(value)) yield { name, labels, value };
  }
}

function parseLabels(text: string): Record<string, string> | undefined {
  const labels: [string, string][] = [];
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const [, key, value] = LABEL.exec(text) ?? [];
    if (key === undefined || value === undefined) return undefined;
    labels.push([key, unescaped(value)]);
  }
  return Object.fromEntries(labels);
}

function unescaped(value: string): string {
  return value.replaceAll(
    /\\(.)/gs,
    (_, character) => character === "n" ? "\n" : character,
  );
}
