/** The new program is not what it should be. */

import {
  adds,
  ANCIENT,
  CRASHES,
  EXITS,
  GARBAGE,
  HANGS,
  leavesOut,
  resets,
  rewords,
} from "../harness/bad_programs.ts";
import { refused, rolledBack } from "../harness/expected.ts";
import type { Action, Fault } from "../harness/fault.ts";
import type { Machine } from "../../../testing/qemu/mod.ts";
import type { Fixture } from "../../../testing/update/fixture.ts";

/** For faults that wait until it has run out. */
const SHORT_MS = 8_000;

const FROM_THE_START = "from the start";
const AFTER_PREFLIGHT = "after the preflight";

interface Bad {
  readonly name: string;
  readonly put: Action;
  /** In the preflight; undefined where that cannot notice. */
  readonly refused?: RegExp;
  /** At the switchover, or after it. */
  readonly rolledBack: RegExp;
  readonly hangs?: true;
  readonly extra?: readonly string[];
  readonly fits?: (machine: Machine) => boolean;
  readonly short?: true;
}

const put =
  (contents: string | Uint8Array, mode?: number): Action => (fixture) =>
    fixture.replaceBinary(contents, mode);

/** A program made from the new QEMU. */
const putMade =
  (make: (program: string) => string): Action => (fixture: Fixture) =>
    fixture.replaceBinary(make(fixture.builds.new.binary));

const ENDED = /process \d+ ended|does not answer/i;
const RNG = ["-device", "virtio-rng-pci"];

const BAD: readonly Bad[] = [
  {
    name: "is missing",
    put: (fixture) => Deno.removeSync(fixture.binary),
    refused: /does not exist/,
    rolledBack: /execvp .* failed: No such file or directory/,
    short: true,
  },
  {
    name: "is not executable",
    put: put(EXITS, 0o644),
    refused: /is not an executable file/,
    rolledBack: /execvp .* failed: Permission denied/,
  },
  {
    name: "is garbage",
    put: put(GARBAGE),
    rolledBack: ENDED,
    refused: /./,
    short: true,
  },
  { name: "exits", put: put(EXITS), refused: /./, rolledBack: ENDED },
  {
    name: "crashes",
    put: put(CRASHES),
    refused: /./,
    rolledBack: ENDED,
    short: true,
  },
  {
    name: "hangs before its monitor",
    put: put(HANGS),
    refused: /./,
    rolledBack: /does not answer/,
    hangs: true,
    short: true,
  },
  {
    name: "has another machine type",
    put: putMade((it) => rewords(it, { "*q35*,accel=*": "pc,${word#*,}" })),
    refused: /./,
    rolledBack: /Machine type received is/,
    fits: ({ type }) => type === "q35",
    short: true,
  },
  {
    name: "lacks a device",
    put: putMade((it) => leavesOut(it, "-device", "virtio-rng-pci*")),
    refused: /./,
    rolledBack: /Unknown section or instance/,
    extra: RNG,
    fits: ({ type }) => type !== "microvm",
  },
  {
    name: "has an extra device",
    put: putMade((it) => adds(it, ...RNG)),
    refused: /does not accept its options/,
    // QEMU loads that without a word.
    rolledBack: /same VM: .*Device "virtio-rng-pci 00:0\S+" is new/,
    fits: ({ type }) => type !== "microvm",
    short: true,
  },
  {
    name: "has less RAM",
    put: putMade((it) =>
      rewords(it, {
        "64M": "32M",
        "*,size=64M,*": "${word%%size=*}size=32M,share=on",
      })
    ),
    refused: /./,
    rolledBack: /cannot load the state/,
  },
  {
    name: "has more RAM",
    put: putMade((it) =>
      rewords(it, {
        "64M": "96M",
        "*,size=64M,*": "${word%%size=*}size=96M,share=on",
      })
    ),
    refused: /./,
    rolledBack: ENDED,
  },
  {
    name: "has more CPUs",
    put: putMade((it) => resets(it, "-smp", "3")),
    refused: /./,
    // Some machines load the state for fewer.
    rolledBack: /cannot load the state|has vCPU \d/,
  },
  {
    name: "does not support cpr-exec",
    put: put(ANCIENT),
    refused: /./,
    rolledBack: ENDED,
    short: true,
  },
];

/** Each of them, from the start and put there behind the preflight's back. */
export const NEW_PROGRAM: readonly Fault[] = BAD.flatMap((bad) => {
  const common = {
    name: `new program ${bad.name}`,
    ...bad.fits === undefined ? {} : { fits: bad.fits },
    ...bad.extra === undefined ? {} : { extra: bad.extra },
    ...bad.hangs === undefined ? {} : { timeoutMs: SHORT_MS },
  };
  const back = rolledBack(bad.rolledBack);
  return [
    {
      ...common,
      when: FROM_THE_START,
      before: bad.put,
      expected: bad.refused === undefined
        ? [back]
        : [refused(bad.refused), back],
    },
    {
      ...common,
      when: AFTER_PREFLIGHT,
      at: { migrate: bad.put },
      expected: [back],
      ...bad.short === undefined ? {} : { short: bad.short },
    },
  ];
});

const kill = (signal: Deno.Signal): Action => ({ vm }) =>
  Deno.kill(vm.pid, signal);

/** It starts well, and then somebody ends or stops it. */
export const NEW_PROCESS: readonly Fault[] = [
  {
    name: "new program is killed",
    when: "before the load",
    at: { load: kill("SIGKILL") },
    expected: [rolledBack(ENDED)],
    short: true,
  },
  {
    name: "new program is killed",
    when: "after the load",
    at: { commit: kill("SIGKILL") },
    expected: [rolledBack(ENDED)],
    short: true,
  },
  {
    name: "new program hangs",
    when: "after its greeting",
    at: { load: kill("SIGSTOP") },
    timeoutMs: SHORT_MS,
    expected: [rolledBack(/No answer to/)],
    short: true,
  },
  {
    name: "new program hangs",
    when: "after the load",
    at: { commit: kill("SIGSTOP") },
    timeoutMs: SHORT_MS,
    expected: [rolledBack(/No answer to/)],
  },
];
