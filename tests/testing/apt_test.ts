/**
 * What apt believes of a suite. The one in repository/ was signed in 2024 with a
 * key made for it, whose private half is gone, and was good for a week:
 *
 * ```sh
 * gpg --faked-system-time 20240101T000000 --clearsign -o InRelease Release
 * ```
 */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { AptRoot } from "../../testing/qemu/builds/apt.ts";

const REPOSITORY = new URL("repository/", import.meta.url).pathname;
const RELEASE = "dists/lapsed/InRelease";
const PACKAGES = "dists/lapsed/main/binary-amd64/Packages";
const KEY = `${REPOSITORY}key.asc`;

/** A QEMU is fetched where there is apt, and for one architecture. */
const canFetch = Deno.build.arch === "x86_64" &&
  await new Deno.Command("apt-get", { args: ["--version"] })
    .output().then(({ success }) => success, () => false);

/** Fetches the suite from a copy with a file altered, as apt would the real. */
async function withCopy(
  altered: Readonly<Record<string, (text: string) => string>>,
  test: (create: (keyring?: string) => Promise<AptRoot>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-apt-" });
  try {
    const mirror = `${folder}/mirror`;
    await Deno.mkdir(`${mirror}/dists/lapsed/main/binary-amd64`, {
      recursive: true,
    });
    for (const path of [RELEASE, PACKAGES]) {
      const text = await Deno.readTextFile(`${REPOSITORY}${path}`);
      const copy = altered[path]?.(text) ?? text;
      await Deno.writeTextFile(`${mirror}/${path}`, copy);
    }
    await test((keyring) =>
      AptRoot.create(`${folder}/root`, `file:${mirror}`, ["lapsed"], keyring)
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "a signed suite whose date is over will do",
  ignore: !canFetch,
  fn: () =>
    withCopy({}, async (create) => {
      const root = await create(KEY);
      assertEquals(await root.candidate("example"), "1:2.3-4");
    }),
});

const BAD = {
  "signed by nobody that is trusted": {},
  "altered after it was signed": {
    [RELEASE]: (text: string) => text.replace("Origin: c", "Origin: C"),
  },
  "not signed at all": {
    [RELEASE]: (text: string) =>
      /^Origin[^]*?(?=-----BEGIN)/m.exec(text)?.[0] ?? "",
  },
  "with another list of packages than was signed": {
    [PACKAGES]: (text: string) => text.replace("2.3-4", "2.3-5"),
  },
};

for (const [what, altered] of Object.entries(BAD)) {
  Deno.test({
    name: `a suite ${what} is refused`,
    ignore: !canFetch,
    fn: () =>
      withCopy(altered, async (create) => {
        const keyring = Object.keys(altered).length > 0 ? KEY : undefined;
        const { message } = await assertRejects(() => create(keyring), Error);
        assertMatch(message, /\bsign|NO_PUBKEY|Hash Sum/);
      }),
  });
}
