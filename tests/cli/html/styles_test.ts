import { assert } from "@std/assert";
import { STYLES } from "../../../lib/cli/html/styles.ts";

/** The least that the Web Content Accessibility Guidelines ask of body text. */
const CONTRAST = 4.5;

Deno.test("every colour of letters stands out from its paper", () => {
  const schemes = STYLES.toString().split(":root {").slice(1)
    .map((text) => text.slice(0, text.indexOf("}")));
  assert(schemes.length === 3, "light, dark and print");
  for (const scheme of schemes) {
    const colours = new Map(
      [...scheme.matchAll(/--(\w+): (#\w+)/g)]
        .map(([, name = "", value = ""]) => [name, value]),
    );
    const paper = colours.get("paper") ?? "";
    for (const name of ["ink", "soft", "good", "careful", "bad"]) {
      const contrast = ratio(colours.get(name) ?? "", paper);
      assert(contrast >= CONTRAST, `${name} on ${paper}: ${contrast}`);
    }
  }
});

Deno.test("on paper the checks that passed are a number", () => {
  const [screen = "", print = ""] = STYLES.toString().split("@media print");
  const rule = ".checks details table { display: none; }";
  assert(!screen.includes(rule) && print.includes(rule));
});

Deno.test("on paper a VM has one page, and no table is torn", () => {
  const [, print = ""] = STYLES.toString().split("@media print");
  for (
    const rule of [
      "zoom: .85;",
      "section, svg, tr, li, .figures { break-inside: avoid; }",
      ".one { break-before: page; }",
    ]
  ) assert(print.includes(rule), rule);
});

function ratio(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)]
    .sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** The relative luminance of #rgb or #rrggbb. */
function luminance(colour: string): number {
  const digits = colour.slice(1);
  const parts = digits.match(digits.length === 3 ? /./g : /../g) ?? [];
  assert(parts.length === 3, `no colour: "${colour}"`);
  const [red = 0, green = 0, blue = 0] = parts.map((part) => {
    const value = parseInt(part.padStart(2, part), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
