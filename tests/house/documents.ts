/** Walks the repository's own Markdown files. */

const ROOT = new URL("../../", import.meta.url);
const PLACES = ["README.md", "CONTRIBUTING.md", "docs", "scripts"];

/** Yields every page below the given repository paths, with its text. */
export async function* documents(
  places: readonly string[] = PLACES,
): AsyncGenerator<{ page: string; text: string }> {
  for (const place of places) {
    const url = new URL(place, ROOT);
    if ((await Deno.stat(url)).isFile) {
      if (!place.endsWith(".md")) continue;
      yield { page: place, text: await Deno.readTextFile(url) };
      continue;
    }
    const names = await Array.fromAsync(Deno.readDir(url));
    yield* documents(names.map(({ name }) => `${place}/${name}`));
  }
}
