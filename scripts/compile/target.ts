/** The machines that a program can be built for. */

import { UsageError } from "../../lib/errors.ts";

/** A kind of machine. */
export interface Target {
  readonly architecture: string;
  /** As compilers name it: x86_64-unknown-linux-gnu. */
  readonly triple: string;
  /** e_machine in an ELF file for it. */
  readonly elfMachine: number;
  /** The npm package that has Deno for it. */
  readonly runtimePackage: string;
}

const TARGETS: readonly Target[] = [
  {
    architecture: "x86_64",
    triple: "x86_64-unknown-linux-gnu",
    elfMachine: 62,
    runtimePackage: "@deno/linux-x64-glibc",
  },
  {
    architecture: "aarch64",
    triple: "aarch64-unknown-linux-gnu",
    elfMachine: 183,
    runtimePackage: "@deno/linux-arm64-glibc",
  },
];

/**
 * The target of the given name.
 *
 * @param name an architecture, or all three parts
 * @throws {UsageError} for a name of none
 */
export function targetOf(name: string): Target {
  const target = TARGETS.find(({ architecture, triple }) =>
    name === architecture || name === triple
  );
  if (target !== undefined) return target;
  const names = TARGETS.map(({ architecture }) => architecture).join(" or ");
  throw new UsageError(`Cannot build for "${name}"`, {
    remedy: `Say ${names}`,
  });
}

/** Whether what is built for a target runs on this machine. */
export function isThisMachine(target: Target): boolean {
  return target.triple === Deno.build.target;
}
