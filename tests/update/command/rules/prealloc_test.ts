import { assertEquals } from "@std/assert";
import { after, NOTHING_LIVE } from "../vm.ts";

const MEMFD = "memory-backend-memfd,id=ram0,size=1G";
const FILE = "memory-backend-file,id=ram0,size=1G";
const live = { ...NOTHING_LIVE, hugePageMounts: ["/dev/hugepages"] };

const cases: readonly [string, string][] = [
  [`${MEMFD},prealloc=on,share=on`, `${MEMFD},share=on`],
  [`${MEMFD},hugetlb=off,prealloc=yes`, `${MEMFD},hugetlb=off`],
  [
    '{"qom-type":"memory-backend-memfd", "prealloc":true, "size":1}',
    '{"qom-type":"memory-backend-memfd", "size":1}',
  ],
  [`${FILE},mem-path=/dev/shm/a,prealloc=on`, `${FILE},mem-path=/dev/shm/a`],
  [
    `${FILE},mem-path=/dev/hugepages2/a,prealloc=on`,
    `${FILE},mem-path=/dev/hugepages2/a`,
  ],
];
for (const [from, to] of cases) {
  Deno.test(`pages are not touched again: "${from}"`, () => {
    assertEquals(after(["-object", from], live), ["-object", to]);
  });
}

const kept: readonly (readonly string[])[] = [
  ["-object", `${MEMFD},hugetlb=on,prealloc=on`, "-mem-prealloc"],
  ["-object", `${FILE},mem-path=/dev/hugepages/a,prealloc=on`],
  ["-mem-path", "/dev/hugepages", "-mem-prealloc"],
  ["-object", `${MEMFD},prealloc=off`],
  ["-object", "rng-random,id=prealloc"],
];
for (const words of kept) {
  Deno.test(`what costs nothing is kept: "${words.join(" ")}"`, () => {
    assertEquals(after(words, live), words);
  });
}

Deno.test("the allocation of all RAM is left out where no page is huge", () => {
  assertEquals(after(["-mem-prealloc", "-object", MEMFD], live), [
    "-object",
    MEMFD,
  ]);
});
