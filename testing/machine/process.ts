/** What the kernel says of a process. */

import { parseFdinfo } from "../../lib/proc/fdinfo.ts";
import {
  type OpenDescriptor,
  openDescriptors,
} from "../program/descriptors.ts";

/** The memfds that a process has open, by name, CPR state too. */
export function memfdsOf(pid: number): Map<string, OpenDescriptor> {
  const found = new Map<string, OpenDescriptor>();
  for (const descriptor of openDescriptors(pid)) {
    const name = /^\/memfd:(.*) \(deleted\)$/.exec(descriptor.target)?.[1];
    if (name !== undefined) found.set(name, descriptor);
  }
  return found;
}

/** Whether an exec would close a descriptor. */
export function closesOnExec(pid: number, descriptor: number): boolean {
  const text = Deno.readTextFileSync(`/proc/${pid}/fdinfo/${descriptor}`);
  return parseFdinfo(text).closesOnExec;
}

/** Resident memory of a process, shared memory included, in bytes. */
export function memoryOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const kibibytes = /^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`Process ${pid} is gone`);
  return Number(kibibytes) * 1024;
}
