/**
 * What a domain has to be started with so that it can be updated, as lines to
 * paste into its XML and into libvirt's configuration.
 *
 * @module
 */

import type { CommandLine } from "../command/command_line.ts";
import { deniesSpawn } from "../command/obstacles.ts";
import {
  hasDefaultRam,
  sharesAuxiliary,
  unsharedBackends,
} from "../command/shared_ram.ts";

/** Something that a domain lacks. */
export interface Need {
  /** The id of the check that would find the same. */
  readonly code: string;
  /** Completes "the domain". */
  readonly why: string;
  /** To be pasted into the file. */
  readonly text: string;
  readonly file: string;
}

const NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0";

/** All that a domain lacks, as far as its command line shows. */
export function domainNeeds(line: CommandLine): Need[] {
  const needs: Need[] = [];
  if (hasDefaultRam(line) || unsharedBackends(line).length > 0) {
    needs.push({
      code: "memory-backends",
      why: "was started with RAM that is not shared",
      text: "<memoryBacking><source type='memfd'/>" +
        "<access mode='shared'/></memoryBacking>",
      file: "<domain>",
    });
  }
  if (!sharesAuxiliary(line)) {
    needs.push({
      code: "memory-backends",
      why: "was started without aux-ram-share=on",
      text: `<qemu:commandline xmlns:qemu='${NAMESPACE}'>` +
        "<qemu:arg value='-machine'/><qemu:arg value='aux-ram-share=on'/>" +
        "</qemu:commandline>",
      file: "<domain>",
    });
  }
  if (deniesSpawn(line)) {
    needs.push({
      code: "sandbox",
      why: "may not execute another program (-sandbox spawn=deny)",
      text: "seccomp_sandbox = 0",
      file: "/etc/libvirt/qemu.conf",
    });
  }
  return needs;
}
